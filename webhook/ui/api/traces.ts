import { Type } from 'typebox'
import type { TraceUpdate } from '../../../src/api/gen/satellite.js'
import { apiVersion, namePattern, namespacePattern } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { type Abi, abis } from '../../../src/syscalls/abi.js'
import { mergeObserved } from '../../../src/seccomp/review/merge.js'
import type { SyscallSet } from '../../../src/syscalls/syscall-set.js'
import { isKnownSyscall } from '../../../src/syscalls/syscall-table.js'
import type { Call } from '../model/context.js'
import type { Profiler, RunningTrace } from '../model/profiler.js'
import { AnyObject, listOf, reading, type Route, writing } from '../model/route.js'

/** Returns the satellite of this machine. @throws SeccoError UNAVAILABLE without one */
function mustProfile({ ui }: Pick<Call, 'ui'>): Profiler {
  if (ui.profiler !== undefined) return ui.profiler
  throw new SeccoError('UNAVAILABLE', 'no satellite runs on the machine of this hub', {
    hint: 'on its node: secco trace CONTAINER; what satellites upload is on the workload’s page'
  })
}

function mustFind(call: Call): RunningTrace {
  const trace = mustProfile(call).find(call.params['id'] ?? '')
  if (trace !== undefined) return trace
  throw new SeccoError('NOT_FOUND', 'this trace is forgotten', { hint: 'start another' })
}

/** Returns the syscalls of a trace so far, by ABI. */
export function setOfTrace(update: TraceUpdate | undefined): SyscallSet {
  const set: SyscallSet = {}
  for (const { abi, counts } of update?.abis ?? []) {
    const known = abis.find((each): each is Abi => each === abi)
    if (known !== undefined) set[known] = Object.keys(counts).filter(isKnownSyscall).sort()
  }
  return set
}

/** Returns a trace as the API shows it. */
export function traceView(trace: RunningTrace) {
  const { id, container, by, startedAt, ended, update, problem, firstSeen } = trace
  const rows = (update?.abis ?? []).flatMap(({ abi, counts }) =>
    Object.entries(counts).map(([name, count]) => ({
      ...{ abi, name, count },
      firstSeen: new Date(firstSeen.get(`${abi} ${name}`) ?? startedAt).toISOString()
    }))
  )
  return {
    ...{ id, container, by, ended, problem },
    startedAt: new Date(startedAt).toISOString(),
    complete: update?.complete ?? false,
    lost: update?.lost ?? 0,
    distinct: new Set(rows.map(({ name }) => name)).size,
    calls: rows.reduce((sum, { count }) => sum + count, 0),
    syscalls: rows.sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
  }
}

const trace = { verb: 'trace', resource: 'containers' } as const

/** Endpoints of the live profiler: start, watch, stop, keep. */
export const traceRoutes: readonly Route[] = [
  reading({
    url: '/api/v1/traces',
    operationId: 'listTraces',
    summary: 'Traces of this machine that are remembered',
    needs: { verb: 'list', resource: 'containers' },
    cli: 'secco trace CONTAINER',
    pages: ['/profiler'],
    response: listOf(AnyObject),
    handle: (call) => ({ items: mustProfile(call).list().map(traceView) })
  }),
  writing({
    method: 'POST',
    url: '/api/v1/traces',
    operationId: 'startTrace',
    summary: 'Starts to watch a running container',
    needs: trace,
    cli: 'secco trace CONTAINER --for 30s',
    pages: ['/profiler'],
    body: Type.Object(
      {
        container: Type.String({ minLength: 1, maxLength: 255 }),
        seconds: Type.Optional(Type.Number({ minimum: 0, maximum: 86_400 }))
      },
      { additionalProperties: false }
    ),
    response: AnyObject,
    handle: (call, { container, seconds = 0 }) =>
      traceView(mustProfile(call).start(container, seconds, call.identity.user))
  }),
  reading({
    url: '/api/v1/traces/:id',
    operationId: 'getTrace',
    summary: 'Live counts of a trace',
    needs: { verb: 'get', resource: 'containers' },
    cli: 'secco trace CONTAINER -o json',
    pages: ['/profiler/:id'],
    response: AnyObject,
    handle: (call) => traceView(mustFind(call))
  }),
  writing({
    method: 'POST',
    url: '/api/v1/traces/:id/stop',
    operationId: 'stopTrace',
    summary: 'Ends a trace; what it counted stays',
    needs: trace,
    cli: 'secco trace CONTAINER (Ctrl-C)',
    pages: ['/profiler/:id'],
    body: Type.Object({}, { additionalProperties: false }),
    response: AnyObject,
    handle: (call) => {
      const found = mustFind(call)
      mustProfile(call).stop(found.id)
      return traceView(found)
    }
  }),
  writing({
    method: 'POST',
    url: '/api/v1/traces/:id/profile',
    operationId: 'keepTrace',
    summary:
      'Keeps what a trace saw as observations of a profile, new or not; nothing is approved by it',
    needs: { verb: 'create', resource: 'seccompprofiles' },
    cli: 'secco trace CONTAINER -o profile',
    pages: ['/profiler/:id'],
    body: Type.Object(
      {
        namespace: Type.String({ pattern: namespacePattern }),
        name: Type.String({ pattern: namePattern })
      },
      { additionalProperties: false }
    ),
    response: Type.Object({ namespace: Type.String(), name: Type.String() }),
    async handle(call, ref) {
      const set = setOfTrace(mustFind(call).update)
      const { store } = call.ui
      if ((await store.get('SeccompProfile', ref)) === undefined) {
        const profile: SeccompProfile = {
          apiVersion,
          kind: 'SeccompProfile',
          metadata: { ...ref },
          spec: { workload: { kind: 'Container', name: ref.name } }
        }
        await store.apply('SeccompProfile', profile)
      }
      await store.update('SeccompProfile', ref, (profile) => mergeObserved(profile, set))
      return ref
    }
  })
]
