import { apiVersion } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import { approveObserved } from '../../src/seccomp/review/approve.js'
import { toBitmap } from '../../src/syscalls/bitmap.js'
import type { DenialView } from '../../webhook/views/denial-view.js'
import type { InventoryItem } from '../../webhook/ui/model/inventory.js'
import type { NodeView } from '../../webhook/views/view.js'
import { digestOf, hour, nodeNames, nodeOf, type Resident, residents } from './residents.js'
import { discoveryOfTown } from './town-discovery.js'
import { townProfiler } from './town-profiler.js'

function profileOf({
  namespace,
  name,
  kind,
  container,
  mode,
  instances,
  names,
  late = []
}: Resident): SeccompProfile {
  const learning: SeccompProfile = {
    apiVersion,
    kind: 'SeccompProfile',
    metadata: { namespace, name: `${name}.${container}` },
    spec: { workload: { kind, name, container } },
    status: {
      observed: { x86_64: [...names].sort() },
      lastNew: hour('13:12:44'),
      arguments: [
        { abi: 'x86_64', name: 'socket', index: 0, values: ['1', '2', '10'] },
        { abi: 'x86_64', name: 'ioctl', index: 1, values: ['21505', '21531'] }
      ],
      instances: Array.from({ length: instances }, (_, at) => ({
        ...{
          id: `${nodeOf(at)}/b00t/40265${at}.1.0`,
          node: nodeOf(at),
          complete: true,
          ended: at > 3
        },
        ...{
          firstSeen: hour(`0${8 + (at % 2)}:0${at % 6}:00`),
          lastSeen: hour(`14:19:${30 - at}`)
        },
        ...{
          part: 'entry' as const,
          image: `registry.example/${name}:2.4`,
          kernel: '6.12.48',
          runtime: 'containerd 2.1.4'
        },
        events: at > 3 ? ['start', 'serve', 'stop'] : ['start', 'serve', 'probe'],
        // What came after the approval came in two of them.
        observed: {
          x86_64: toBitmap('x86_64', [
            ...names.slice(0, names.length - (at % 4)),
            ...(at < 2 ? late : [])
          ])
        }
      }))
    }
  }
  if (mode === 'learn') return learning
  const approved = approveObserved(learning, {
    by: 'ops-oncall',
    at: hour('09:30:00'),
    reason: 'a week of staging'
  })
  const digest = digestOf(name)
  return {
    ...approved,
    status: {
      ...approved.status,
      revision: digest,
      approvals: (approved.status?.approvals ?? []).map((one) => ({ ...one, revision: digest })),
      conditions: [
        {
          ...{ type: 'Ready', status: 'True' as const, reason: 'OnAllNodes' },
          ...{ message: 'on 3 of 3 nodes', lastTransitionTime: hour('09:30:02') }
        }
      ],
      previousRevision: `sha256:${'7'.repeat(64)}`,
      nodes: { ready: 3, total: 3 },
      observed: { x86_64: [...names, ...late].sort() }
    }
  }
}

function ruleOf({ namespace, name, container, mode }: Resident, at: number): SeccompRule {
  return {
    apiVersion,
    kind: 'SeccompRule',
    metadata: { namespace, name },
    spec: {
      mode,
      priority: 100 - at * 10,
      podSelector: { matchLabels: { app: name } },
      containers: [container],
      ...(mode === 'learn' ? {} : { profile: { name: `${name}.${container}` } })
    }
  }
}

function nodeView(name: string, at: number): NodeView {
  return {
    ...{
      name,
      connected: true,
      lastSeen: hour('14:20:06'),
      kernel: at === 2 ? '6.1.153' : '6.12.48',
      arch: 'x86_64',
      hook: 'tp_btf'
    },
    ...{
      record: 'always',
      attached: true,
      tracingUnavailable: '',
      runtimes: 'containerd 2.1.4, runc 1.3.3',
      revisions: 12
    },
    losses: {
      tableFull: 0,
      unknownSyscalls: 0,
      recursionMisses: 0,
      unidentified: 0,
      details: 0,
      missed: 0,
      givenUp: 0
    },
    gaps: [],
    holdsUp: [],
    conditions: []
  }
}

const denied = (profile: string, syscall: string, more: Partial<DenialView>): DenialView => ({
  ...{
    namespace: 'shop',
    profile,
    node: 'worker-1',
    container: '5f0c1a9e2b7d',
    abi: 'x86_64',
    syscall
  },
  ...{
    action: 'SCMP_ACT_ERRNO',
    count: 1,
    answer: 'EPERM',
    errno: 1,
    signal: '',
    pid: 41_233,
    comm: 'node',
    at: hour('14:19:52')
  },
  ...{ lastSeen: hour('14:19:52'), succeeded: 0, expected: false, muted: false },
  ...{ state: more.expected === true ? 'expected' : 'open', closedAt: '', hint: 'look' },
  call: syscall,
  ...more
})

const denials: readonly DenialView[] = [
  denied('checkout.app', 'clone3', {
    ...{ answer: 'ENOSYS', errno: 38, expected: true, count: 66 },
    at: hour('12:00:01')
  }),
  denied('storefront.nginx', 'socket', { comm: 'curl', at: hour('11:44:03') }),
  denied('checkout.app', 'unlink', {
    action: 'SCMP_ACT_LOG',
    answer: 'logged',
    errno: 0,
    count: 3,
    at: hour('12:06:19')
  }),
  denied('checkout.app', 'fdatasync', {
    action: 'SCMP_ACT_LOG',
    answer: 'logged',
    errno: 0,
    count: 14,
    at: hour('14:19:31')
  }),
  denied('checkout.app', 'io_uring_setup', { count: 6 })
]

/** One container was made while the webhook was away. */
const isAstray = ({ name }: Resident, at: number) => name === 'gateway' && at === 1

function stateIn(
  resident: Resident,
  at: number
): Pick<InventoryItem, 'state' | 'why' | 'revision' | 'wanted'> {
  const { name, mode } = resident
  const learning = { state: 'runtime-default', why: 'recorded under RuntimeDefault' } as const
  if (mode === 'learn') return { ...learning, revision: '', wanted: '' }
  const wanted = digestOf(name)
  if (isAstray(resident, at))
    return { ...{ state: 'runtime-default', why: 'RuntimeDefault' }, wanted, revision: '' }
  const state = mode === 'enforce' ? 'enforced' : 'audit'
  const older = name === 'redis' && at === 2
  const revision = older ? `sha256:${'7'.repeat(64)}` : wanted
  return { ...{ state, wanted, revision }, why: 'the filter of its revision, byte for byte' }
}

function inventoryOf(resident: Resident, index: number): InventoryItem[] {
  const { namespace, name, kind, container, mode } = resident
  const key = `${namespace}/${name}.${container}`
  return Array.from(
    { length: 5 },
    (_, at): InventoryItem => ({
      ...{
        key: `${nodeOf(at)}/${index}${at}`,
        node: nodeOf(at),
        runtime: 'containerd',
        id: `${index}${at}`.padEnd(64, 'c'),
        name: container
      },
      ...{
        namespace,
        pod: `${name}-7d9f6-x${at}k4d`,
        image: `registry.example/${name}:2.4`,
        workload: `${kind}/${name}`
      },
      ...stateIn(resident, at),
      ...{ profile: mode === 'learn' ? '' : key, sharedWith: [], learned: key },
      ...{ stale: name === 'redis' && at === 2, canary: false, ephemeral: false, optedOut: false },
      drift: isAstray(resident, at)
        ? [
            {
              kind: 'FilterDiffers',
              message: 'runs RuntimeDefault: created while the webhook was away',
              since: hour('03:12:00')
            }
          ]
        : [],
      ...{ unprotected: null, denials: 0, startedAt: hour('08:02:00') }
    })
  )
}

function loose(name: string, state: InventoryItem['state'], at: number): InventoryItem {
  return {
    ...{
      key: `loose/${name}/${at}`,
      sharedWith: [],
      node: 'worker-2',
      runtime: 'containerd',
      id: `${name}${at}`,
      name: 'sh',
      namespace: 'ops'
    },
    ...{
      pod: `${name}-${at}`,
      image: 'busybox',
      workload: `Pod/${name}`,
      state,
      why: 'no rule covers it',
      profile: '',
      learned: ''
    },
    ...{
      revision: '',
      wanted: '',
      stale: false,
      canary: false,
      ephemeral: false,
      optedOut: false,
      drift: [],
      unprotected: null,
      denials: 0,
      startedAt: hour('07:00:00')
    }
  }
}

/** An installation as people know it: workloads on every step, a drift, denials, something to review. */
export const town = {
  clock: hour('14:20:08'),
  objects: [
    ...residents.map(profileOf),
    ...residents.map(ruleOf),
    {
      ...ruleOf(residents[1] as Resident, 9),
      metadata: { namespace: 'shop', name: 'storefront-old' }
    }
  ],
  nodes: () => nodeNames.map(nodeView),
  denials: () => denials,
  problems: () => [],
  inventory: () => [
    ...residents.flatMap(inventoryOf),
    loose('debug-shell', 'unconfined', 0),
    loose('tuner', 'not-protectable', 0),
    loose('tuner', 'not-protectable', 1),
    loose('cache', 'runtime-default', 0)
  ],
  discovery: discoveryOfTown(),
  profiler: townProfiler
}
