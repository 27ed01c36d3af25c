import { toSeccoError } from '../../src/lib/errors.js'
import { plural } from '../../src/lib/plural.js'
import type { ObjectRef } from '../../src/store/store.js'
import type { Recorded } from '../../webhook/hub/hub-types.js'
import type { CollectedNode } from '../../webhook/hub/observations/collections.js'
import type { Hub } from '../hubs/hub.js'
import type { Doubt } from './learn-state.js'

/** Longer than the hub waits for a node. */
const answerMs = 60_000
const upgrade = 'upgrade it: `secco install | kubectl apply -f -`'

/**
 * Makes the store have what was recorded of a profile until now, and returns what it lacks; undefined for a hub that
 * cannot be asked. A profile that does not exist lacks nothing.
 * @throws SeccoError UNAVAILABLE and others of the hub
 */
export async function askRecorded(
  hub: Pick<Hub, 'ask'>,
  { namespace, name }: ObjectRef
): Promise<Recorded | undefined> {
  const [where, which] = [encodeURIComponent(namespace), encodeURIComponent(name)]
  const path = `/api/v1/profiles/${where}/${which}?recorded=now`
  try {
    return (await hub.ask<{ recorded?: Recorded }>(path, undefined, answerMs)).recorded
  } catch (error) {
    if (toSeccoError(error).code === 'NOT_FOUND') return { waiting: 0, problem: '', nodes: [] }
    throw error
  }
}

/** Returns what a node did not send yet, in words; undefined when it sent everything. */
function unsentOf(node: CollectedNode): Doubt | undefined {
  const { name, state, waiting, version } = node
  if (state === 'sent') return undefined
  if (state === 'old') {
    const reason = `the satellite of node ${name} has version ${version}, which cannot be asked for what it recorded last`
    return { reason, next: upgrade, waitMs: 0 }
  }
  const reason =
    state === 'silent'
      ? `node ${name} did not send what it recorded last`
      : `${plural(waiting, 'observation')} of node ${name} ${waiting === 1 ? 'has' : 'have'} not reached the hub`
  return { reason, next: 'see why: `secco doctor`', waitMs: Infinity }
}

/** Explains why the store may lack what the nodes recorded last of a profile; undefined when it has everything. */
export function notWritten(
  key: string,
  recorded: Recorded | undefined,
  nodes: ReadonlySet<string>
): Doubt | undefined {
  if (recorded === undefined) {
    const reason =
      'the hub has an earlier version, which cannot be asked for what is not written yet'
    return { reason, next: upgrade, waitMs: 0 }
  }
  for (const node of recorded.nodes) {
    const unsent = nodes.has(node.name) ? unsentOf(node) : undefined
    if (unsent !== undefined) return unsent
  }
  const { waiting, problem } = recorded
  if (waiting === 0 && problem === '') return undefined
  const what =
    waiting === 0
      ? 'not everything is'
      : `${plural(waiting, 'finding')} ${waiting === 1 ? 'is' : 'are'} not`
  const why = problem === '' ? '' : `: ${problem}`
  return {
    reason: `of what was recorded of ${key}, ${what} written yet${why}`,
    next: 'see why: `secco doctor`',
    waitMs: Infinity
  }
}
