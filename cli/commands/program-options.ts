import type { Command } from 'commander'
import { slotsDefault } from '../../native/slot-numbers.js'
import { parseSlots, slotsMeaning } from '../lib/slots.js'

export const defaultRuncRoots = [
  '/run/runc',
  '/run/containerd/runc/k8s.io',
  '/run/containerd/runc/default',
  '/run/docker/runtime-runc/moby'
]
export const kubeletRoot = '/var/lib/kubelet'

export const btfMeaning =
  'read types from this BTF file when the kernel has none of its own (/sys/kernel/btf/vmlinux)'

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
      'connect to containerd at this socket',
      '/run/containerd/containerd.sock'
    )
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
}

/** Reads the options of the recorder. @throws SeccoError INVALID_ARGUMENT */
export const recorderOf = ({ slots, btf }: RuntimeOptions) => ({ slots: parseSlots(slots), btf })
