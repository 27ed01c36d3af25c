/**
 * Calls that exist on other architectures only (the kernel's per-architecture syscall tables and
 * libseccomp's syscalls.csv): a known thing that Secco has no ABI for, not a misspelt name.
 */
const foreign: Readonly<Record<string, readonly string[]>> = {
  arm: [
    'arm_fadvise64_64',
    'arm_sync_file_range',
    'breakpoint',
    'get_tls',
    'set_tls',
    'usr26',
    'usr32'
  ],
  'arm or mips': ['cacheflush'],
  'arm or ppc': ['sync_file_range2'],
  ppc: [
    ...[
      'multiplexer',
      'pciconfig_iobase',
      'pciconfig_read',
      'pciconfig_write',
      'rtas',
      'spu_create'
    ],
    ...['spu_run', 'subpage_prot', 'swapcontext', 'switch_endian', 'sys_debug_setcontext']
  ],
  s390: [
    ...['s390_guarded_storage', 's390_pci_mmio_read', 's390_pci_mmio_write'],
    ...['s390_runtime_instr', 's390_sthyi']
  ],
  riscv: ['riscv_flush_icache', 'riscv_hwprobe'],
  mips: ['sysmips', 'timerfd']
}

const architectureOf = new Map(
  Object.entries(foreign).flatMap(([architecture, names]) =>
    names.map((name) => [name, architecture] as const)
  )
)

/** The architecture that has this call where Secco's ABIs have none; undefined for any other name. */
export function foreignArchitecture(name: string): string | undefined {
  return architectureOf.get(name)
}
