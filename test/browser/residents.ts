import type { Mode } from '../../src/api/seccomp-rule.js'
import { words } from '../../src/seccomp/data/words.js'

/** The hour at which everything in the town happens: the day of the rig's clock. */
export const hour = (text: string) => `2026-01-01T${text}.000Z`

const start = words(`
  access arch_prctl brk chdir close epoll_create1 epoll_ctl eventfd2 execve fcntl fstat futex getcwd getpid
  getrandom getuid ioctl madvise mmap mprotect munmap newfstatat openat pipe2 poll pread64 prlimit64 read
  readlink rseq rt_sigaction rt_sigprocmask sched_getaffinity sched_yield set_robust_list set_tid_address
  sigaltstack statx sysinfo uname write
`)
const serving = words(`
  accept4 bind clone connect dup3 epoll_pwait exit exit_group getpeername getsockname getsockopt gettid listen
  lseek nanosleep recvmsg rt_sigreturn sendmmsg sendto setsockopt shutdown socket writev
`)

/** A workload of the town, and how far it came. */
export interface Resident {
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

export const residents: readonly Resident[] = [
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

export const nodeNames = ['worker-1', 'worker-2', 'worker-3']
export const nodeOf = (at: number) => nodeNames[at % nodeNames.length] ?? ''

export const digestOf = (name: string) =>
  `sha256:${Buffer.from(name).toString('hex').padEnd(62, '0').slice(0, 62)}a1` as const
