import { apiVersion } from '../../src/api/names.js'
import type { Observation } from '../../src/api/gen/hub.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { Mode, SeccompRule } from '../../src/api/seccomp-rule.js'
import { approveObserved } from '../../src/seccomp/approve.js'
import { toBitmap } from '../../src/seccomp/bitmap.js'
import { createDiscovery } from '../../webhook/hub/discovery.js'
import type { Finding } from '../../webhook/hub/observations.js'
import type { DenialView } from '../../webhook/ui/denial-view.js'
import type { InventoryItem } from '../../webhook/ui/inventory.js'
import type { NodeView } from '../../webhook/ui/view.js'

/** The hour at which everything in the town happens: the day of the rig's clock. */
const hour = (text: string) => `2026-01-01T${text}.000Z`

const start =
  'access arch_prctl brk chdir close epoll_create1 epoll_ctl eventfd2 execve fcntl fstat futex getcwd getpid getrandom getuid ioctl madvise mmap mprotect munmap newfstatat openat pipe2 poll pread64 prlimit64 read readlink rseq rt_sigaction rt_sigprocmask sched_getaffinity sched_yield set_robust_list set_tid_address sigaltstack statx sysinfo uname write'.split(
    ' '
  )
const serving =
  'accept4 bind clone connect dup3 epoll_pwait exit exit_group getpeername getsockname getsockopt gettid listen lseek nanosleep recvmsg rt_sigreturn sendmmsg sendto setsockopt shutdown socket writev'.split(
    ' '
  )

interface Resident {
  namespace: string
  name: string
  kind: string
  container: string
  mode: Mode
  instances: number
  names: readonly string[]
  /** Observed after the approval. */
  late?: readonly string[]
}

const residents: readonly Resident[] = [
  {
    namespace: 'shop',
    name: 'checkout',
    kind: 'Deployment',
    container: 'app',
    mode: 'audit',
    instances: 6,
    names: [...start, ...serving],
    late: ['fdatasync', 'unlink', 'io_uring_setup']
  },
  {
    namespace: 'shop',
    name: 'storefront',
    kind: 'Deployment',
    container: 'nginx',
    mode: 'enforce',
    instances: 8,
    names: [...start, ...serving, 'sendfile']
  },
  {
    namespace: 'data',
    name: 'redis',
    kind: 'StatefulSet',
    container: 'redis',
    mode: 'enforce',
    instances: 5,
    names: [...start, ...serving, 'fdatasync', 'rename']
  },
  {
    namespace: 'ingress',
    name: 'gateway',
    kind: 'DaemonSet',
    container: 'nginx',
    mode: 'enforce',
    instances: 9,
    names: [...start, ...serving, 'sendfile', 'setuid', 'setgid']
  },
  {
    namespace: 'shop',
    name: 'invoices',
    kind: 'CronJob',
    container: 'worker',
    mode: 'learn',
    instances: 2,
    names: start
  },
  {
    namespace: 'shop',
    name: 'mailer',
    kind: 'Deployment',
    container: 'app',
    mode: 'learn',
    instances: 4,
    names: [...start, ...serving.slice(0, 12)]
  }
]

const nodeNames = ['worker-1', 'worker-2', 'worker-3']
const nodeOf = (at: number) => nodeNames[at % nodeNames.length] ?? ''

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
        observed: { x86_64: toBitmap('x86_64', names.slice(0, names.length - (at % 4))) }
      }))
    }
  }
  if (mode === 'learn') return learning
  const approved = approveObserved(learning, {
    by: 'ops-oncall',
    at: hour('09:30:00'),
    reason: 'a week of staging'
  })
  const digest = `sha256:${Buffer.from(name).toString('hex').padEnd(62, '0').slice(0, 62)}a1`
  return {
    ...approved,
    status: {
      ...approved.status,
      revision: digest,
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
      lastSeen: hour('23:59:58'),
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
    errno: 1,
    signal: '',
    pid: 41_233,
    comm: 'node',
    at: hour('14:19:52')
  },
  ...{ lastSeen: hour('14:19:52'), succeeded: 0, expected: false, muted: false },
  ...more
})

const denials: readonly DenialView[] = [
  denied('checkout.app', 'clone3', { errno: 38, expected: true, count: 66, at: hour('12:00:01') }),
  denied('storefront.nginx', 'socket', { comm: 'curl', at: hour('11:44:03') }),
  denied('checkout.app', 'unlink', {
    action: 'SCMP_ACT_LOG',
    errno: 0,
    count: 3,
    at: hour('12:06:19')
  }),
  denied('checkout.app', 'fdatasync', {
    action: 'SCMP_ACT_LOG',
    errno: 0,
    count: 14,
    at: hour('14:19:31')
  }),
  denied('checkout.app', 'io_uring_setup', { count: 6 })
]

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
      state: mode === 'enforce' ? 'enforced' : mode === 'audit' ? 'audit' : 'runtime-default',
      ...{
        why: 'the filter of its revision, byte for byte',
        profile: mode === 'learn' ? '' : key,
        learned: key
      },
      ...{ revision: '', wanted: '', stale: name === 'redis' && at === 2, canary: false },
      drift:
        name === 'gateway' && at === 1
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
      drift: [],
      unprotected: null,
      denials: 0,
      startedAt: hour('07:00:00')
    }
  }
}

/** How checkout was discovered, hour by hour. */
function discoveryOfCheckout() {
  const discovery = createDiscovery()
  const [checkout] = residents
  if (checkout === undefined) return discovery
  const target = {
    ref: { namespace: 'shop', name: 'checkout.app' },
    workload: { kind: 'Deployment', name: 'checkout', container: 'app' }
  }
  const tell = (instance: number, at: string, count: number, events: string[], calls = 1) => {
    const names = [...checkout.names].slice(0, count)
    const observation = {
      abis: [
        {
          abi: 'x86_64',
          syscalls: names.map((name, index) => ({
            name,
            count: Math.max(1, Math.round(calls * 900 ** (1 - (index % 9) / 8)))
          }))
        }
      ]
    }
    const finding = {
      target,
      id: `${nodeOf(instance)}/b00t/40265${instance}.1.0`,
      part: 'entry',
      set: { x86_64: names },
      events,
      firstSeen: hour(at),
      lastSeen: hour(at)
    }
    discovery.note(observation as unknown as Observation, finding as unknown as Finding)
  }
  tell(0, '08:02:00', 41, ['start'])
  tell(1, '08:02:20', 40, ['start'])
  tell(0, '08:18:00', 48, ['start', 'serve'], 40)
  tell(2, '09:05:00', 44, ['start', 'serve'], 30)
  tell(0, '10:18:30', 55, ['start', 'serve', 'reload'], 120)
  tell(1, '11:20:00', 52, ['start', 'serve', 'probe'], 200)
  tell(3, '11:21:02', 45, ['start'], 10)
  tell(0, '12:24:10', 60, ['start', 'serve', 'reload', 'probe'], 260)
  tell(2, '13:12:44', 63, ['start', 'serve', 'probe'], 300)
  return discovery
}

/** An installation as people know it: workloads on every step, a drift, denials, something to review. */
export const town = {
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
  discovery: discoveryOfCheckout()
}
