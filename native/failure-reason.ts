import { NativeUnavailable } from './addon.js'

/** Returns the next step after a failed call of bpf(2), by errno (see also kernel_lockdown(7)). */
function adviceFor(errno: unknown): string {
  const isRoot = process.getuid?.() === 0
  if ((errno === 1 || errno === 13) && !isRoot) {
    return 'run it as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN'
  }
  if (errno === 1 || errno === 13) {
    return (
      'the kernel forbids BPF here: give the container CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN and a seccomp profile ' +
      'that allows bpf, or boot without lockdown=confidentiality'
    )
  }
  if (errno === 12) return 'free memory, or raise the memory limit of this cgroup'
  if (errno === 38 || errno === 22 || errno === 95) {
    return 'use Linux 5.11 or later with CONFIG_BPF_SYSCALL and CONFIG_DEBUG_INFO_BTF'
  }
  return '`secco doctor --node` shows what this kernel gives'
}

/** Returns one sentence for a failure of the addon or the kernel, with the next step in it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof NativeUnavailable) return error.message
  const { errno } = error as { errno?: unknown }
  return errno === undefined ? error.message : `${error.message}: ${adviceFor(errno)}`
}
