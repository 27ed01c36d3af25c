import { join } from 'node:path'
import type { Command } from 'commander'
import { bpfMount } from '../../native/pins.js'
import { slotsDefault } from '../../native/slot-numbers.js'
import { SeccoError } from '../../src/lib/errors.js'
import { parseDuration } from '../lib/duration.js'
import { parseSlots, slotsMeaning } from '../lib/slots.js'
import type { UpPin } from '../programs/up-recorder.js'

export const defaultRuncRoots = [
  '/run/runc',
  '/run/containerd/runc/k8s.io',
  '/run/containerd/runc/default',
  '/run/docker/runtime-runc/moby'
]
export const kubeletRoot = '/var/lib/kubelet'

export const btfMeaning =
  'read types from this BTF file when the kernel has none of its own (/sys/kernel/btf/vmlinux)'

const keepUnusedMeaning =
  'keep the file of a revision this long after neither the hub nor a container needs it'

export const collect = (value: string, before: string[] | undefined) => [...(before ?? []), value]

export interface ListenOptions {
  listen: string
  hubListen: string
  uiListen: string
  legacyAnnotations: string
}

export function listenOptions(command: Command): Command {
  return command
    .option('--listen <host:port>', 'serve the webhook at this address', '127.0.0.1:9443')
    .option('--hub-listen <host:port>', 'accept satellites at this address', '127.0.0.1:9444')
    .option(
      '--ui-listen <host:port>',
      'serve pages and API at this address, loopback only',
      '127.0.0.1:9445'
    )
    .option(
      '--legacy-annotations <on|off>',
      'also write the annotations of kubelets before 1.27',
      'on'
    )
}

export function runtimeOptions(command: Command): Command {
  return command
    .option('--node <name>', 'name this node (default: the host name)')
    .option('--seccomp-root <dir>', 'use this seccomp folder of the kubelet')
    .option(
      '--runc-root <dir>',
      'watch this --root of runc; repeatable (default: the usual ones)',
      collect
    )
    .option(
      '--containerd-socket <path>',
      'connect to containerd at this socket; off: name containers by the state of runc alone',
      '/run/containerd/containerd.sock'
    )
    .option('--keep-unused <duration>', keepUnusedMeaning, '10m')
    .option('--slots <number>', slotsMeaning, String(slotsDefault))
    .option('--btf <file>', btfMeaning)
}

export interface RuntimeOptions {
  node?: string
  seccompRoot?: string
  runcRoot?: string[]
  containerdSocket: string
  slots: string
  btf?: string
  keepUnused: string
}

/** Reads `--keep-unused`, at least a second. @throws SeccoError INVALID_ARGUMENT */
export function keepUnusedOf({ keepUnused }: RuntimeOptions): number {
  const keptMs = parseDuration(keepUnused, '--keep-unused')
  if (keptMs >= 1000) return keptMs
  throw new SeccoError('INVALID_ARGUMENT', `--keep-unused ${keepUnused}: less than 1s`, {
    hint: 'give a pod that was admitted with a file the time to start: the default is 10m'
  })
}

/** Reads `--containerd-socket`; undefined for `off`. */
export const containerdSocketOf = ({ containerdSocket }: RuntimeOptions) =>
  containerdSocket === 'off' ? undefined : containerdSocket

/** Reads the options of the recorder. @throws SeccoError INVALID_ARGUMENT */
export const recorderOf = ({ slots, btf }: RuntimeOptions) => ({ slots: parseSlots(slots), btf })

interface PinOption {
  pin: string
  clean?: boolean
}

/** Reads `--pin FOLDER`; undefined for `off`. @throws SeccoError INVALID_ARGUMENT */
export function pinOption({ pin, clean }: PinOption): string | undefined {
  if (pin.startsWith('/')) return pin
  if (pin === 'off' && clean !== true) return undefined
  const problem =
    pin === 'off'
      ? '--clean: --pin off names no folder'
      : `--pin ${pin}: an absolute path is needed`
  throw new SeccoError('INVALID_ARGUMENT', problem, {
    hint: `for example ${join(bpfMount, 'secco-own')}, or leave --pin out`
  })
}

/** Reads `--pin` of `secco up`. @throws SeccoError INVALID_ARGUMENT */
export function upPinOption(options: PinOption): UpPin {
  if (options.pin === 'auto') return { kind: 'auto' }
  const folder = pinOption(options)
  return folder === undefined ? { kind: 'off' } : { kind: 'folder', folder }
}
