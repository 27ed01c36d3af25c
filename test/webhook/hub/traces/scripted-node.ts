import { Hello, HubMessage, TraceCounts } from '../../../../src/api/gen/hub.js'
import type { Session } from '../../../../webhook/hub/stream/session.js'
import type { FleetTraces } from '../../../../webhook/hub/traces/fleet-traces.js'

type Body = NonNullable<HubMessage['body']>
type Counts = Readonly<Record<string, number>>

/** A satellite of which only the messages are real: the test decides what it has counted. */
export function connectNode(
  traces: FleetTraces,
  options: { node?: string; takesTraces?: boolean; onSent?: (body: Body) => void } = {}
) {
  const { node = 'n1', takesTraces = true, onSent } = options
  const sent: Body[] = []
  const session: Session = {
    node,
    outbox: {
      send: (message) => {
        const { body } = HubMessage.decode(message)
        if (body === undefined) return
        sent.push(body)
        onSent?.(body)
      },
      feed: () => undefined,
      stalledMs: () => 0,
      pending: () => 0,
      close: () => undefined
    },
    ack: () => undefined,
    hold: () => undefined,
    release: () => undefined,
    end: () => undefined
  }
  traces.joined(session, Hello.fromPartial({ node, takesTraces, version: '1.2.3' }))
  return {
    session,
    started: () => sent.flatMap((body) => (body.$case === 'startTrace' ? [body.value] : [])),
    stopped: () => sent.flatMap((body) => (body.$case === 'stopTrace' ? [body.value.id] : [])),
    report: (id: string, counts: Counts, more: Partial<TraceCounts> = {}) => {
      const calls = Object.entries(counts).map(([name, count]) => ({ abi: 'x86_64', name, count }))
      traces.reported(session, TraceCounts.fromPartial({ id, calls, ...more }))
    }
  }
}

/** A satellite that answers by itself, with what `counts` and `more` return at that time. */
export function answeringNode(
  traces: FleetTraces,
  node: string,
  counts: () => Counts,
  more: () => Partial<TraceCounts> = () => ({})
) {
  const ids = new Set<string>()
  const connected = connectNode(traces, {
    node,
    onSent: (body) => {
      if (body.$case === 'startTrace') ids.add(body.value.id)
      if (body.$case === 'stopTrace') ids.delete(body.value.id)
      const { id } = body.value as { id: string }
      const ended = body.$case === 'stopTrace'
      setImmediate(() => connected.report(id, counts(), { complete: true, ended, ...more() }))
    }
  })
  return {
    ...connected,
    /** Ids of the traces that run on the node. */
    ids,
    reportAll: () => {
      for (const id of ids) connected.report(id, counts(), { complete: true, ...more() })
    }
  }
}
