import { type ErrorCode, SeccoError, toSeccoError } from '../../src/lib/errors.js'
import { askHub, type HubAccess } from './hub-api.js'
import type { MissingHub } from '../lib/missing-hubs.js'

/**
 * The hubs that a verb asks: the one on this machine, or every replica in a cluster, where each satellite is
 * connected to one hub and each hub knows only its own satellites.
 */
export interface Hubs {
  all: readonly [HubAccess, ...HubAccess[]]
  /** Hubs that are known not to answer before they are asked. */
  missing: readonly MissingHub[]
  /** Lists the hubs again; absent when the hub is always the same. Throws as the first listing does. */
  again?: () => Promise<Hubs>
}

/** The answers of hubs, in the order of the hubs, and the hubs that gave none. */
interface Gathered<Answer> {
  answers: Answer[]
  /** The hub that gave the answer at the same index. */
  from: HubAccess[]
  missing: MissingHub[]
}

export const nameOfHub = ({ name, ui }: HubAccess): string => name ?? ui

/** Describes a hub that gave no answer. */
export function missingHub(hub: HubAccess, error: SeccoError): MissingHub {
  return { hub: nameOfHub(hub), code: error.code, message: error.message, next: error.hint }
}

/**
 * Sends one request to every hub.
 * @param options.absent the error code of a hub that does not know the object; such a hub does not count as missing
 * @throws SeccoError the error of a hub when no hub has an answer.
 */
export async function askHubs<Answer>(
  hubs: Hubs,
  path: string,
  options: { body?: unknown; timeout?: number; absent?: ErrorCode } = {}
): Promise<Gathered<Answer>> {
  const { body, timeout, absent } = options
  const answers: Answer[] = []
  const from: HubAccess[] = []
  const missing = [...hubs.missing]
  let none: SeccoError | undefined
  let failure: SeccoError | undefined
  const settled = await Promise.allSettled(
    hubs.all.map((hub) => askHub<Answer>(hub, path, body, timeout))
  )
  for (const [at, hub] of hubs.all.entries()) {
    const one = settled[at]
    if (one?.status === 'fulfilled') {
      answers.push(one.value)
      from.push(hub)
    } else {
      const error = toSeccoError(one?.reason)
      if (error.code === absent) none = error
      else {
        failure ??= error
        missing.push(missingHub(hub, error))
      }
    }
  }
  if (answers.length > 0) return { answers, from, missing }
  const [first] = missing
  if (none !== undefined && first !== undefined) {
    const message = `${none.message}; hub ${first.hub} gave no answer: ${first.message}`
    throw new SeccoError(none.code, message, { hint: first.next })
  }
  throw none ?? failure ?? new SeccoError('INTERNAL', 'no hub was asked')
}

/** Sends the request to all hubs except the first, which made a change. Never throws: hubs without an answer are missing. */
export async function othersOf<Answer>(
  hubs: Hubs,
  path: string,
  body: unknown
): Promise<Gathered<Answer>> {
  const [, second, ...more] = hubs.all
  if (second === undefined) return { answers: [], from: [], missing: [...hubs.missing] }
  const others: Hubs = { ...hubs, all: [second, ...more] }
  return askHubs<Answer>(others, path, { body }).catch((thrown: unknown) => ({
    ...{ answers: [], from: [] },
    missing: [...hubs.missing, ...others.all.map((hub) => missingHub(hub, toSeccoError(thrown)))]
  }))
}
