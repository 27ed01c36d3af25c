import { slotsDefault } from '../../native/slot-numbers.js'
import type { RecordMode } from '../../satellite/recorder/record-mode.js'
import type { InstallMode } from '../../src/rules/observe.js'

/** A Kubernetes object to apply. */
export type Manifest = Record<string, unknown>

/** One program for everything, or webhook and hub apart; two replicas of each program. */
export const layouts = ['small', 'ha'] as const
export type Layout = (typeof layouts)[number]

export const tlsModes = ['selfsigned', 'cert-manager'] as const
export type TlsMode = (typeof tlsModes)[number]

/** What the policy on the final state does with a pod that violates it. */
export const finalStates = ['warn', 'deny'] as const
export type FinalState = (typeof finalStates)[number]

/** Options of an installation; everything else is the same everywhere. */
export interface InstallOptions {
  layout: Layout
  image: string
  mode: InstallMode
  tls: TlsMode
  record: RecordMode
  /** Slots of each satellite's recorder. */
  slots: number
  /** BTF file on nodes whose kernel has no BTF, below a folder that the satellite mounts. */
  btf?: string | undefined
  /** New nodes keep other pods out until they have every file. */
  startupTaint: boolean
  /** Gives satellites CAP_SYS_ADMIN and no filter, so that they can read filters back from the kernel. */
  readFilters: boolean
  /** Satellites see the socket of containerd; otherwise they name containers by the state of runc alone. */
  containerd: boolean
  /** Run Secco's pods under their own profiles (src/seccomp/render/own.ts), otherwise under RuntimeDefault. */
  ownProfiles: boolean
  /** Whether pods may opt out with `secco.dev/ignore` where their namespace has no label about it. */
  allowIgnore: boolean
  finalState: FinalState
  /** Make roles for people part of the built-in roles view, edit and admin. */
  aggregateRoles: boolean
  /** Serve the hub's API through the API server, by an APIService. */
  hubApi: boolean
  /** What the API server does with a pod when the webhook does not answer; default Ignore. */
  failurePolicy?: 'Ignore' | 'Fail'
  /** What no revision on a node may exceed; default: what satellites do by themselves. */
  floor?: 'runtime-default'
  /** PEM of the authority of the API server's client certificate, and the names that it may have. */
  clientCa?: string
  clientNames?: readonly string[]
}

export const defaultOptions = {
  layout: 'small',
  mode: 'observe',
  tls: 'selfsigned',
  record: 'always',
  slots: slotsDefault,
  startupTaint: true,
  readFilters: false,
  containerd: true,
  ownProfiles: true,
  allowIgnore: false,
  finalState: 'warn',
  aggregateRoles: false,
  hubApi: false
} as const satisfies Omit<InstallOptions, 'image'>

/** What `--strict` makes of the options that are not given. */
export const strictOptions = {
  mode: 'enforce',
  finalState: 'deny',
  failurePolicy: 'Fail',
  floor: 'runtime-default'
} as const satisfies Partial<InstallOptions>
