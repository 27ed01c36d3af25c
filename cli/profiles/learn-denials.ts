import { toSeccoError } from '../../src/lib/errors.js'
import type { ObjectRef } from '../../src/store/store.js'
import { type Abi, abis } from '../../src/syscalls/abi.js'
import type { DenialList } from '../../webhook/confinement/denials/denial-routes.js'
import type { DenialView } from '../../webhook/confinement/denials/denial-views.js'
import type { Hub } from '../hubs/hub.js'
import { queryOf } from '../hubs/hub-api.js'
import type { DeniedCall, Doubt, RunDenials } from './learn-state.js'

/** DenialRecord is what the hub knows of the denials of a workload at one time. */
interface DenialRecord {
  /** RFC 3339, by the hub's clock: earlier denials are not known. */
  knownSince: string
  items: readonly DenialView[]
}

/** RecordedDenials is such a record, or why the person does not get one. */
export type RecordedDenials = DenialRecord | { doubt: Doubt }

const next = 'ask for the role that may list denials, and run the command again'

/**
 * Asks for all denials of a profile: the muted, the expected and the closed ones too, because the baseline decides.
 * @throws SeccoError UNAVAILABLE and others of the hub
 */
export async function askDenials(
  hub: Pick<Hub, 'ask'>,
  { namespace, name }: ObjectRef
): Promise<RecordedDenials> {
  const all = { muted: 'true', expected: 'true', closed: 'true' }
  const query = queryOf({ namespace, profile: name, ...all })
  try {
    const { knownSince, items } = await hub.ask<DenialList>(`/api/v1/denials${query}`)
    const isOwn = (one: DenialView) => one.namespace === namespace && one.profile === name
    return { knownSince, items: items.filter(isOwn) }
  } catch (error) {
    const { code, message } = toSeccoError(error)
    if (code !== 'FORBIDDEN') throw error
    const reason = `what was denied to ${namespace}/${name} is not known: ${message}`
    return { doubt: { reason, next, waitMs: 0 } }
  }
}

/** Returns the key of what one instance counts of a call: callers and arguments of a row can be joined later. */
const keyOfCount = ({ node, instance, abi, syscall }: DenialView): string =>
  `${node} ${instance} ${abi} ${syscall}`

function countsOf(items: readonly DenialView[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const one of items)
    counts.set(keyOfCount(one), (counts.get(keyOfCount(one)) ?? 0) + one.count)
  return counts
}

const abiOf = (text: string): Abi | undefined => abis.find((abi) => abi === text)

/** Returns whether the hub forgot denials of which it had not heard before the run. Both times are by its own clock. */
function isForgotten(before: DenialRecord, after: DenialRecord): boolean {
  if (after.knownSince <= before.knownSince) return false
  return before.items.every(({ lastSeen }) => lastSeen < after.knownSince)
}

/**
 * Returns which calls were denied between two looks at the denials: those whose count grew. No clock is compared with another.
 * @param before undefined where no command ran: everything that is known counts
 */
export function deniedBetween(
  before: RecordedDenials | undefined,
  after: RecordedDenials
): RunDenials {
  if ('doubt' in after) return { calls: [], doubt: after.doubt }
  if (before !== undefined && 'doubt' in before) return { calls: [], doubt: before.doubt }
  const counts = countsOf(before?.items ?? [])
  const grown = [...countsOf(after.items)].filter(([key, count]) => count > (counts.get(key) ?? 0))
  const keys = new Set(grown.map(([key]) => key))
  const calls = new Map<string, DeniedCall>()
  for (const one of after.items) {
    const { abi, syscall: name, answer } = one
    if (keys.has(keyOfCount(one))) calls.set(`${abi} ${name}`, { abi: abiOf(abi), name, answer })
  }
  const doubt =
    before !== undefined && isForgotten(before, after)
      ? {
          reason: `the hub knows denials only since ${after.knownSince}, which is not the whole run`,
          next: 'run the command again',
          waitMs: 0
        }
      : undefined
  return { calls: [...calls.values()], doubt }
}
