import { setTimeout as delay } from 'node:timers/promises'
import { type ErrorCode, SeccoError, toSeccoError } from '../../src/lib/errors.js'
import { askHub, followHub, type HubAccess } from './hub-api.js'
import type { MissingHub } from '../lib/missing-hubs.js'

/**
 * The hubs that a verb asks: the one on this machine, or every replica in a cluster, where each satellite
 * speaks to one of them and each hub knows its own satellites only.
 */
export interface Hubs {
  all: readonly [HubAccess, ...HubAccess[]]
  /** Those that are known to give no answer before anybody asks. */
  missing: readonly MissingHub[]
  /** Which there are now; absent where there is always the same one. Errors: as the first time. */
  again?: () => Promise<Hubs>
}

/** What hubs answered, in their order, and who did not. */
export interface Gathered<Answer> {
  answers: Answer[]
  /** Who gave the answer at the same place. */
  from: HubAccess[]
  missing: MissingHub[]
}

export const nameOfHub = ({ name, ui }: HubAccess): string => name ?? ui

function missingHub(hub: HubAccess, error: SeccoError): MissingHub {
  return { hub: nameOfHub(hub), code: error.code, message: error.message, next: error.hint }
}

/**
 * One question to every hub.
 * @param options.absent what a hub says that knows nothing of what was asked: no answer, and none is missing
 * @throws SeccoError what the hubs say when none has an answer.
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

/** The same question to all but the first, which was asked for a change. Never an error: who gives no answer is missing. */
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

export interface HubsListener {
  onEvent: (hub: string, event: string, data: unknown) => void
  /** What a hub told no longer holds: its stream has ended. */
  onEnd?: (hub: string) => void
  /** Whenever other hubs are missing than before. */
  onMissing: (missing: readonly MissingHub[]) => void
}

/** Hubs come and go with rollouts: looked for that often. */
const lookEveryMs = 3000

/**
 * Follows the stream of every hub, of those that come later, too: until the signal, or until the only one ends.
 * @throws SeccoError what a hub refuses with when none can be followed at the start.
 */
export async function followHubs(
  hubs: Hubs,
  path: string,
  listener: HubsListener,
  signal: AbortSignal,
  everyMs = lookEveryMs
): Promise<void> {
  const followed = new Map<string, Promise<void>>()
  const ended = new Map<string, MissingHub>()
  let known = hubs
  let told = '[]'
  const start: { opened: boolean; refusal?: SeccoError } = { opened: false }

  function tell(): void {
    const unready = new Set(known.missing.map(({ hub }) => hub))
    const now = [...known.missing, ...[...ended.values()].filter(({ hub }) => !unready.has(hub))]
    const text = JSON.stringify(now)
    if (text === told) return
    told = text
    listener.onMissing(now)
  }

  async function follow(hub: HubAccess, name: string): Promise<void> {
    let error = new SeccoError('UNAVAILABLE', 'it ended the stream', {
      hint: hub.mend ?? 'see whether `secco up` still runs'
    })
    const onOpen = (): void => {
      start.opened = true
      if (ended.delete(name)) tell()
    }
    const onEvent = (event: string, data: unknown): void => listener.onEvent(name, event, data)
    try {
      await followHub(hub, path, onEvent, signal, onOpen)
    } catch (thrown) {
      error = toSeccoError(thrown)
      start.refusal ??= error
    }
    followed.delete(name)
    if (signal.aborted) return
    listener.onEnd?.(name)
    ended.set(name, missingHub(hub, error))
    // With all of them it is the error of the verb, and no note about some.
    if (start.opened) tell()
  }

  function begin(): void {
    for (const hub of known.all) {
      const name = nameOfHub(hub)
      if (!followed.has(name)) followed.set(name, follow(hub, name))
    }
  }

  async function look(again: () => Promise<Hubs>): Promise<void> {
    try {
      known = await again()
    } catch {
      // The streams that are open go on, and the next look tries again.
      return
    }
    const there = new Set(known.all.map(nameOfHub))
    // Satellites of one that is gone have looked for another.
    for (const name of ended.keys()) if (!there.has(name)) ended.delete(name)
    begin()
    tell()
  }

  begin()
  tell()
  const { again } = hubs
  const all = (): Promise<unknown> => Promise.all(followed.values())
  const isAborted = (): boolean => signal.aborted
  const failed = (): boolean => !start.opened && followed.size === 0
  if (again === undefined) await all()
  while (again !== undefined && !signal.aborted) {
    const pause = delay(everyMs, undefined, { signal }).catch(() => undefined)
    await Promise.race([all(), pause])
    if (failed()) break
    await pause
    if (!isAborted()) await look(again)
  }
  if (failed() && start.refusal !== undefined) throw start.refusal
}
