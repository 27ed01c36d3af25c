import { Type } from 'typebox'
import { apiVersion, namePattern, namespacePattern } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { mergeObserved } from '../../../src/seccomp/review/merge.js'
import { keyOfProfile } from '../../../src/seccomp/review/start-risk.js'
import {
  deniedTimes,
  keptOfTrace,
  type TraceDenial
} from '../../../src/seccomp/import/trace-denials.js'
import type { SyscallSet } from '../../../src/syscalls/syscall-set.js'
import type { Resource, Verb } from '../../access/rights.js'
import type { RunningTrace } from '../../hub/traces/trace.js'
import type { Call } from '../model/context.js'
import { mayTrace, pathOf, type Profiler, targetOf } from '../model/profiler.js'
import { AnyObject, listOf, reading, type Route, writing } from '../model/route.js'
import { forbidden } from '../../access/forbidden.js'

/** Returns the traces of this hub. @throws SeccoError UNAVAILABLE without a hub */
function mustProfile({ ui }: Pick<Call, 'ui'>): Profiler {
  if (ui.profiler !== undefined) return ui.profiler
  throw new SeccoError('UNAVAILABLE', 'traces: no hub runs here', {
    hint: 'trace on the node instead: secco trace CONTAINER'
  })
}

async function mustMay(
  { identity }: Pick<Call, 'identity'>,
  verb: Verb,
  resource: Resource,
  namespace: string
): Promise<void> {
  if (await identity.can(verb, resource, namespace === '' ? undefined : namespace)) return
  throw forbidden(identity, { verb, resource }, namespace === '' ? undefined : namespace)
}

/** The part of a call that names a trace. */
interface TraceCall extends Pick<Call, 'identity' | 'params'> {
  ui: Pick<Call['ui'], 'profiler'>
}

/** Returns a trace that a person may watch. @throws SeccoError NOT_FOUND, FORBIDDEN */
export async function mustFind(call: TraceCall, verb: 'trace' | 'get'): Promise<RunningTrace> {
  const trace = call.ui.profiler?.find(call.params['id'] ?? '')
  if (trace === undefined) {
    throw new SeccoError('NOT_FOUND', `trace ${call.params['id'] ?? ''}: is not known any more`, {
      hint: 'start another one from the profiler'
    })
  }
  await mustMay(call, verb, 'containers', trace.target.namespace)
  return trace
}

/** Lists the traces that a person may watch, the newest first. */
export async function visibleTraces({ ui, identity }: Call): Promise<RunningTrace[]> {
  const visible: RunningTrace[] = []
  for (const trace of ui.profiler?.list() ?? []) {
    if (await mayTrace(identity, 'get', trace.target)) visible.push(trace)
  }
  return visible.reverse()
}

const denialsOf = (denied: RunningTrace['denied']): TraceDenial[] =>
  denied.map(({ name, action, count }) => ({ syscall: name, action, count }))

/** Returns what a profile learns from a trace, by ABI. */
export const setOfTrace = (trace: RunningTrace): SyscallSet =>
  keptOfTrace(trace.calls(), denialsOf(trace.denied))

const isExpected = ({ detail }: RunningTrace['denied'][number]) => detail?.expected === true

/** Returns the calls of a trace that its filter denied, and so are not kept, sorted. */
export const leftOutOfTrace = ({ denied }: RunningTrace): string[] =>
  [...deniedTimes(denialsOf(denied)).keys()].sort()

const tenths = (value: number) => Math.round(value * 10) / 10

/** Returns a trace without its calls. */
export function traceSummary(trace: RunningTrace) {
  const { id, target, by, ended, problem, connected, complete, lost, rates } = trace
  const { key, node, namespace, workload, pod, name, image, profile } = target
  const calls = trace.calls()
  const denied = deniedTimes(denialsOf(trace.denied))
  const names = new Set(calls.map((call) => call.name))
  return {
    ...{ id, key, namespace, workload, pod, container: name, path: pathOf(target), node, image },
    ...{ profile, by, ended, problem, connected, complete, lost },
    startedAt: new Date(trace.startedAt).toISOString(),
    /** Since the trace started. */
    since: {
      distinct: new Set(calls.filter(({ since }) => since > 0).map((call) => call.name)).size,
      calls: calls.reduce((sum, { since }) => sum + since, 0)
    },
    /** Since the container began, or where `complete` is false, since it was first seen. */
    total: {
      distinct: names.size,
      calls: calls.reduce((sum, { total }) => sum + total, 0),
      /** Those of `calls` that a filter denied. */
      denied: [...denied].reduce((sum, [name, times]) => sum + (names.has(name) ? times : 0), 0)
    },
    /** Calls per second, now and in the last minute. */
    rate: tenths(trace.rate),
    rates: rates.map(tenths)
  }
}

/** Returns a trace as the API shows it. */
export function traceView(trace: RunningTrace) {
  const expected = new Set(trace.denied.filter(isExpected).map(({ name }) => name))
  const denials = denialsOf(trace.denied.filter((one) => !isExpected(one)))
  const times = deniedTimes(denialsOf(trace.denied))
  const alarming = deniedTimes(denials)
  const syscalls = trace.calls().map(({ rate, firstSeen, ...call }) => ({
    ...call,
    rate: tenths(rate),
    firstSeen: new Date(firstSeen).toISOString(),
    /** How often a filter denied it. */
    denied: times.get(call.name) ?? 0,
    /** Denied on purpose alone: its caller is known to do without. */
    expected: expected.has(call.name) && !alarming.has(call.name),
    /** Whether a profile that is made of the trace learns it. */
    kept: !times.has(call.name)
  }))
  const order = (a: (typeof syscalls)[number], b: (typeof syscalls)[number]) =>
    b.since - a.since || b.total - a.total || (a.name < b.name ? -1 : 1)
  return { ...traceSummary(trace), syscalls: syscalls.sort(order), denied: denials }
}

const none = Type.Object({}, { additionalProperties: false })
const watchNeeds = { verb: 'get', resource: 'containers' } as const
const traceNeeds = { verb: 'trace', resource: 'containers' } as const

const startRoute = writing({
  method: 'POST',
  url: '/api/v1/traces',
  operationId: 'startTrace',
  summary: 'Starts to count the syscalls of a running container on any node',
  ...{ needs: traceNeeds, checked: true, cli: 'secco trace NAMESPACE/POD', pages: ['/profiler'] },
  body: Type.Object(
    {
      container: Type.String({
        ...{ minLength: 1, maxLength: 600 },
        description:
          'NAMESPACE/POD, NAMESPACE/POD/CONTAINER, a name, an id, or the key of GET /api/v1/containers'
      }),
      seconds: Type.Optional(Type.Number({ minimum: 0, maximum: 86_400 }))
    },
    { additionalProperties: false }
  ),
  response: AnyObject,
  async handle(call, { container, seconds = 0 }) {
    const profiler = mustProfile(call)
    const target = targetOf(call.ui.sources, container)
    await mustMay(call, 'trace', 'containers', target.namespace)
    return traceView(await profiler.start(target, call.identity.user, seconds))
  }
})

/**
 * Returns a profile with what a trace saw, and with its container as an instance: whether its start was seen decides how the
 * profile may be enforced. The profile that the container is learned into has its instance already.
 */
function withTrace(profile: SeccompProfile, trace: RunningTrace): SeccompProfile {
  const merged = mergeObserved(profile, setOfTrace(trace))
  const { target, complete, startedAt } = trace
  if (target.profile === keyOfProfile(profile)) return merged
  const id = `${target.node}/trace/${target.key}`
  const others = (merged.status?.instances ?? []).filter((one) => one.id !== id)
  // No node reports its end: what is kept is over.
  const instance = {
    ...{ id, node: target.node, complete, ended: true, part: 'entry' as const },
    ...{ firstSeen: new Date(startedAt).toISOString(), lastSeen: new Date().toISOString() },
    ...(target.image === '' ? {} : { image: target.image })
  }
  return { ...merged, status: { ...merged.status, instances: [...others, instance] } }
}

const keepRoute = writing({
  method: 'POST',
  url: '/api/v1/traces/:id/profile',
  operationId: 'keepTrace',
  summary:
    'Keeps what a trace saw as observations of a profile, new or not, without denied calls; nothing is approved by it',
  needs: { verb: 'create', resource: 'seccompprofiles' },
  ...{ checked: true, cli: 'secco trace NAMESPACE/POD -o profile', pages: ['/profiler/:id'] },
  body: Type.Object(
    {
      namespace: Type.String({ pattern: namespacePattern }),
      name: Type.String({ pattern: namePattern })
    },
    { additionalProperties: false }
  ),
  response: Type.Object({ namespace: Type.String(), name: Type.String() }),
  async handle(call, ref) {
    const trace = await mustFind(call, 'get')
    await mustMay(call, 'create', 'seccompprofiles', ref.namespace)
    const { store } = call.ui
    // The hub writes what was observed, with its own rights.
    if ((await store.get('SeccompProfile', ref)) !== undefined) {
      await mustMay(call, 'update', 'seccompprofiles', ref.namespace)
    } else {
      const profile: SeccompProfile = {
        apiVersion,
        kind: 'SeccompProfile',
        metadata: { ...ref },
        spec: { workload: { kind: 'Container', name: ref.name } }
      }
      await store.apply('SeccompProfile', profile)
    }
    await store.update('SeccompProfile', ref, (profile) => withTrace(profile, trace))
    return ref
  }
})

/** Endpoints of the live profiler: start, watch, stop, keep. Rights are those in the namespace of the container. */
export const traceRoutes: readonly Route[] = [
  reading({
    url: '/api/v1/traces',
    operationId: 'listTraces',
    summary: 'Traces of this hub that run or are remembered',
    ...{ needs: watchNeeds, checked: true, cli: 'secco trace NAMESPACE/POD', pages: ['/profiler'] },
    response: listOf(AnyObject),
    handle: async (call) => ({ items: (await visibleTraces(call)).map(traceSummary) })
  }),
  startRoute,
  reading({
    url: '/api/v1/traces/:id',
    operationId: 'getTrace',
    summary: 'Live counts of a trace; with /stream at its end they are followed',
    ...{ needs: watchNeeds, checked: true, cli: 'secco trace NAMESPACE/POD -o json' },
    pages: ['/profiler/:id'],
    response: AnyObject,
    handle: async (call) => traceView(await mustFind(call, 'get'))
  }),
  writing({
    method: 'POST',
    url: '/api/v1/traces/:id/stop',
    operationId: 'stopTrace',
    summary: 'Ends a trace; what it counted stays',
    ...{ needs: traceNeeds, checked: true, cli: 'secco trace NAMESPACE/POD (Ctrl-C)' },
    pages: ['/profiler/:id'],
    body: none,
    response: AnyObject,
    async handle(call) {
      const trace = await mustFind(call, 'trace')
      await mustProfile(call).stop(trace.id)
      return traceView(trace)
    }
  }),
  keepRoute
]
