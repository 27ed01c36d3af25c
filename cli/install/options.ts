import { slotsDefault } from '../../native/slot-numbers.js'
import type { RecordMode } from '../../satellite/recorder/record-mode.js'
import type { InstallMode } from '../../src/rules/observe.js'

/** A Kubernetes object as it is applied. */
export type Manifest = Record<string, unknown>

/** One process for everything, or webhook and hub apart, two replicas each. */
export const layouts = ['small', 'ha'] as const
export type Layout = (typeof layouts)[number]

export const tlsModes = ['selfsigned', 'cert-manager'] as const
export type TlsMode = (typeof tlsModes)[number]

/** What the policy on the final state does with a pod that breaks it. */
export const finalStates = ['warn', 'deny'] as const
export type FinalState = (typeof finalStates)[number]

/** What an installation may be told; everything else is the same everywhere. */
export interface InstallOptions {
  layout: Layout
  image: string
  mode: InstallMode
  tls: TlsMode
  record: RecordMode
  /** Of each satellite's recorder. */
  slots: number
  /** On nodes whose kernel has no BTF: a file of theirs below what the satellite sees. */
  btf?: string | undefined
  /** New nodes keep other pods out until they have every file. */
  startupTaint: boolean
  /** Gives satellites CAP_SYS_ADMIN and no filter, so that they can read filters back from the kernel. */
  readFilters: boolean
  /** Our own pods run under profiles of our own making (src/seccomp/render/own.ts); else under RuntimeDefault. */
  ownProfiles: boolean
  /** Whether pods may opt out with `secco.dev/ignore` where their namespace says nothing. */
  allowIgnore: boolean
  finalState: FinalState
}

export const defaultOptions = {
  layout: 'small',
  mode: 'observe',
  tls: 'selfsigned',
  record: 'always',
  slots: slotsDefault,
  startupTaint: false,
  readFilters: false,
  ownProfiles: true,
  allowIgnore: false,
  finalState: 'warn'
} as const satisfies Omit<InstallOptions, 'image'>
