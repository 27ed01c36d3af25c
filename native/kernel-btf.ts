import { accessSync, constants, existsSync } from 'node:fs'
import { release } from 'node:os'
import { NativeUnavailable } from './addon.js'

/** The kernel's own description of its types. */
export const kernelBtf = '/sys/kernel/btf/vmlinux'

/** Returns whether the kernel has it; tp_btf needs it, a file is not enough. */
export const hasKernelBtf = (): boolean => existsSync(kernelBtf)

/**
 * Returns the file that types are read from; '' for the kernel's own types, which are always better. So all nodes of a
 * cluster can be given one path, and nodes that need no file have none there.
 * @throws NativeUnavailable if there is neither
 */
export function btfFile(given: string | undefined): string {
  if (hasKernelBtf()) return ''
  if (given === undefined) {
    throw new NativeUnavailable(
      `the kernel has no BTF (${kernelBtf} is missing): boot one with CONFIG_DEBUG_INFO_BTF=y, ` +
        'or give a BTF file of this kernel with --btf FILE'
    )
  }
  try {
    accessSync(given, constants.R_OK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new NativeUnavailable(
      `--btf ${given} cannot be read (${code ?? 'unknown'}) and the kernel has no BTF (${kernelBtf} is missing): ` +
        `put a BTF file of Linux ${release()} there`,
      error
    )
  }
  return given
}

/** Returns the question to ask when nothing loads with a file's types; '' if no file was used. */
export function doubtOf(file: string): string {
  return file === '' ? '' : `; is --btf ${file} a BTF file of this kernel, Linux ${release()}?`
}
