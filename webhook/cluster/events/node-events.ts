import { setTimeout as delay } from 'node:timers/promises'
import { holdsUpNext } from '../../../src/api/node-condition-reasons.js'
import type { Hub } from '../../hub/hub.js'
import { holdsUpMessage } from '../../views/holds-up.js'
import type { ClusterView } from '../watch/cluster-view.js'
import type { EventRecorder, EventText } from './events.js'

interface NodeEventOptions {
  hub: Pick<Hub, 'nodes' | 'onChange'>
  view: Pick<ClusterView, 'nodes'>
  events: Pick<EventRecorder, 'record'>
  mayWrite: () => boolean
  /** Resolves some time after a change, for the next look at the nodes. */
  wait?: () => Promise<void>
}

/** Returns the event of a node that holds up profiles. Pure. */
export function heldUpText(profiles: readonly string[]): EventText {
  return {
    ...{ type: 'Warning', reason: 'RevisionsLate', action: 'Distribute' },
    note: `${holdsUpMessage(profiles)}; next: ${holdsUpNext}`
  }
}

/** Every message of every node is a change: all nodes are looked at once for many of them. */
const restMs = 5000

/** Records an event on each node that begins to hold up profiles, or holds up others. Returns a function that stops this. */
export function startNodeEvents({
  hub,
  view,
  events,
  mayWrite,
  wait = () => delay(restMs, undefined, { ref: false })
}: NodeEventOptions): () => void {
  let recorded = new Map<string, string>()
  const scan = (): void => {
    if (!mayWrite()) return
    const now = new Map<string, string>()
    for (const { name, holdsUp = [] } of hub.nodes()) {
      const node = view.nodes().get(name)
      if (holdsUp.length === 0 || node === undefined) continue
      now.set(name, holdsUp.join(' '))
      if (recorded.get(name) === holdsUp.join(' ')) continue
      const regarding = { apiVersion: 'v1', kind: 'Node', namespace: '', name, uid: node.uid }
      events.record(regarding, heldUpText(holdsUp))
    }
    recorded = now
  }
  scan()
  let [isWaiting, isOver] = [false, false]
  const scanLater = async (): Promise<void> => {
    if (isWaiting) return
    isWaiting = true
    await wait()
    isWaiting = false
    if (!isOver) scan()
  }
  const leave = hub.onChange(() => void scanLater())
  return () => {
    isOver = true
    leave()
  }
}
