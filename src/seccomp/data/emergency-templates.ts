import type { SeccompArg } from '../../api/seccomp-profile.js'

/** A class of attacks that one command blocks in every profile. */
export interface EmergencyTemplate {
  readonly name: string
  readonly reason: string
  /** Published weaknesses that were used through it, and where the reason comes from. */
  readonly sources: readonly string[]
  readonly rules: readonly {
    readonly names: readonly string[]
    readonly args?: readonly SeccompArg[]
  }[]
}

const equal = (index: number, value: number): SeccompArg => ({ index, op: 'SCMP_CMP_EQ', value })
const bit = (index: number, mask: number): SeccompArg => ({
  index,
  op: 'SCMP_CMP_MASKED_EQ',
  value: mask,
  valueTwo: mask
})

const cloneNewUser = 0x10000000

export const emergencyTemplates: readonly EmergencyTemplate[] = [
  {
    name: 'af-alg',
    reason: "sockets of the kernel's crypto interface: rarely used, in many exploits",
    sources: ['CVE-2019-8912', 'CVE-2026-31431', 'Docker default profile'],
    rules: [{ names: ['socket', 'socketpair'], args: [equal(0, 38)] }]
  },
  {
    name: 'af-vsock',
    reason: 'sockets to the hypervisor: they bypass network policies and had races in the kernel',
    sources: ['CVE-2021-26708', 'CVE-2024-50264', 'CVE-2025-21756', 'Docker default profile'],
    rules: [{ names: ['socket', 'socketpair'], args: [equal(0, 40)] }]
  },
  {
    name: 'af-packet',
    reason: 'raw link-layer sockets',
    sources: ['CVE-2016-8655', 'CVE-2017-7308', 'CVE-2020-14386'],
    rules: [{ names: ['socket'], args: [equal(0, 17)] }]
  },
  {
    name: 'bpf',
    reason: 'programs in the kernel: their verifier had many flaws',
    sources: ['CVE-2020-8835', 'CVE-2021-3490', 'CVE-2022-23222'],
    rules: [{ names: ['bpf'] }]
  },
  {
    name: 'copy-fail',
    reason: 'writes into the page cache through an AF_ALG socket that a file was spliced into',
    sources: ['CVE-2026-31431'],
    rules: [{ names: ['socket', 'socketpair'], args: [equal(0, 38)] }]
  },
  {
    name: 'dirty-pipe',
    reason: 'writes into the page cache through pipes that a file was spliced into',
    sources: ['CVE-2022-0847'],
    rules: [{ names: ['splice', 'tee', 'vmsplice'] }]
  },
  {
    name: 'io_uring',
    reason: 'no filter sees operations in its ring; the most exploited way into the kernel in 2022',
    sources: [
      'CVE-2022-29582',
      'CVE-2023-2598',
      "Google: Learnings from kCTF VRP's 42 Linux kernel exploits submissions"
    ],
    rules: [{ names: ['io_uring_enter', 'io_uring_register', 'io_uring_setup'] }]
  },
  {
    name: 'keyctl',
    reason: 'kernel keyrings: not namespaced, reference counts that overflowed',
    sources: ['CVE-2016-0728', 'Docker default profile'],
    rules: [{ names: ['add_key', 'keyctl', 'request_key'] }]
  },
  {
    name: 'nf_tables',
    reason: 'netlink sockets of the packet filter: anybody can reach it from a user namespace',
    sources: ['CVE-2022-32250', 'CVE-2023-32233', 'CVE-2024-1086'],
    rules: [{ names: ['socket'], args: [equal(0, 16), equal(2, 12)] }]
  },
  {
    name: 'perf',
    reason: 'performance counters of the kernel',
    sources: ['CVE-2013-2094', 'CVE-2023-5717', 'Docker default profile'],
    rules: [{ names: ['perf_event_open'] }]
  },
  {
    name: 'ptrace',
    reason: 'reads and changes other processes',
    sources: ['CVE-2019-13272'],
    rules: [{ names: ['pidfd_getfd', 'process_vm_readv', 'process_vm_writev', 'ptrace'] }]
  },
  {
    name: 'user-namespaces',
    reason: 'new user namespaces give all capabilities inside, and most of the kernel to attack',
    sources: ['CVE-2022-0185', 'CVE-2022-0492', 'CVE-2024-1086'],
    rules: [{ names: ['clone', 'unshare'], args: [bit(0, cloneNewUser)] }]
  },
  {
    name: 'userfaultfd',
    reason: 'stops the kernel in the middle of a copy, which makes races easy to win',
    sources: ['CVE-2016-6516', 'sysctl vm.unprivileged_userfaultfd', 'Docker default profile'],
    rules: [{ names: ['userfaultfd'] }]
  }
]
