/** What can be imported, by the names of `--format`. */
export const formats = [
  ...(['oci', 'docker', 'spo', 'kubelet', 'config.json'] as const),
  ...(['strace', 'strace-count', 'gadget'] as const)
] as const
export type Format = (typeof formats)[number]
