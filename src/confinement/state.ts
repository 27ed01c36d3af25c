import { listed, plural } from '../lib/plural.js'
import { riskOf } from '../seccomp/policy/risk.js'

/** How a container is confined: the one word, and why. */
export const states = [
  'unconfined',
  'runtime-default',
  'audit',
  'enforced',
  'other',
  'not-protectable',
  'starting'
] as const
export type ConfinementState = (typeof states)[number]

/** The word that people read for each state, on pages and on the command line alike. */
export const stateWords: Readonly<Record<ConfinementState, string>> = {
  unconfined: 'unconfined',
  'runtime-default': 'RuntimeDefault',
  audit: 'audit',
  enforced: 'enforced',
  other: 'other profile',
  'not-protectable': 'not protectable',
  starting: 'starting'
}

export const driftKinds = [
  'Unconfined',
  'FilterDiffers',
  'ConfigDiffers',
  'FileMissing',
  'FileChanged'
] as const
export type DriftKind = (typeof driftKinds)[number]

/** What a node found out about one container (hub.proto, RunningContainer). */
export interface ConfinementFacts {
  running: boolean
  privileged: boolean
  /** none, runtime-default, like-default, allow-all, revision, other. */
  declared: string
  /** Of like-default: in what it differs, as `2 calls differ: without ptrace; with bpf`. */
  like?: string | undefined
  /** Of RuntimeDefault and like-default: calls that it allows beyond Docker's newest one for default capabilities. */
  beyond?: readonly string[] | undefined
  /** Its pod asks for RuntimeDefault: what the runtime made of that is its default, also in a version that is not known. */
  asksForDefault?: boolean
  digest: string
  /** `sha256:…` that its annotation names; empty when none. */
  assignedDigest: string
  disk: string
  /** Seccomp of /proc/PID/status. */
  mode: number
  /** bytes, table: compared; mode: cannot be read; none: not read yet, or no filter is there. */
  checked: string
  same: boolean
  difference: string
  others: number
  allowed: number
}

/** Of the declared revision, when it is one: how people call it, and how it was rendered. */
export interface RevisionName {
  short: string
  mode: 'audit' | 'enforce'
}

const filterMode = 2
/** Names that a reason lists. */
const mostNamed = 8

function wasCompared({ checked }: ConfinementFacts): boolean {
  return checked === 'bytes' || checked === 'table'
}

function certainty({ checked }: ConfinementFacts): string {
  if (checked === 'bytes') return "the kernel's filter is this one, byte for byte"
  if (checked === 'table') return "the kernel's filter answers every call as this one"
  return 'the kernel has a filter; which one could not be read'
}

/** Says what a default allows for more capabilities than the default ones, or in another version; '' where that is nothing. */
function beyondWords({ beyond = [] }: ConfinementFacts): string {
  if (beyond.length === 0) return ''
  // Those first for which people look twice.
  const rank = { high: 0, medium: 1, none: 2 } as const
  const rankOf = (name: string): number => rank[riskOf(name)?.level ?? 'none']
  const names = [...beyond].sort((a, b) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1))
  const than = "more, or with more arguments, than Docker's newest default for default capabilities"
  return `; allows ${plural(names.length, 'call')} ${than}: ${listed(names, mostNamed)}`
}

/** The state of a container, and the sentence that explains it. Pure. */
export function stateOf(
  facts: ConfinementFacts,
  revision: RevisionName | undefined
): { state: ConfinementState; why: string } {
  if (!facts.running) return { state: 'starting', why: 'its own program has not begun yet' }
  const name = revision === undefined ? '' : `${revision.mode} ${revision.short}`
  if (facts.mode === 0) {
    if (facts.privileged) {
      return {
        state: 'not-protectable',
        why: 'privileged: the runtime puts no filter on it, whatever is declared'
      }
    }
    const why =
      facts.declared === 'none'
        ? 'it was started without a seccomp profile'
        : `declared ${name === '' ? facts.declared : name}, yet the kernel has no filter on it`
    return { state: 'unconfined', why }
  }
  if (facts.mode !== filterMode) return { state: 'other', why: 'strict mode: read and write only' }
  if (facts.checked === 'none') {
    return { state: 'starting', why: 'it has a filter that was not read yet' }
  }
  if (facts.declared === 'none') {
    return { state: 'other', why: 'a filter is in force that its configuration does not declare' }
  }
  if (wasCompared(facts) && !facts.same) {
    return {
      state: 'other',
      why: `the filter in force is not the declared one: ${facts.difference}`
    }
  }
  const more = facts.others > 0 ? `; ${facts.others} more on top` : ''
  if (revision !== undefined) {
    const state = revision.mode === 'audit' ? 'audit' : 'enforced'
    return { state, why: `${revision.short}: ${certainty(facts)}${more}` }
  }
  const certain = `${certainty(facts)}${more}${beyondWords(facts)}`
  if (facts.declared === 'runtime-default') {
    return { state: 'runtime-default', why: certain }
  }
  // What is on top of it may deny something.
  if (facts.declared === 'allow-all' && facts.others === 0) {
    return { state: 'unconfined', why: 'its filter denies nothing: as good as none' }
  }
  if (facts.declared === 'like-default') {
    const differs = facts.like === undefined ? '' : `, ${facts.like}`
    if (facts.asksForDefault === true) {
      const which = `what the runtime of its node makes of RuntimeDefault, like a published version${differs}`
      return { state: 'runtime-default', why: `${which}; ${certain}` }
    }
    return { state: 'other', why: `like RuntimeDefault${differs}; ${certain}` }
  }
  const width = facts.allowed > 0 ? `, which allows ${facts.allowed} syscalls` : ''
  return { state: 'other', why: `a profile of somebody else${width}: ${certainty(facts)}${more}` }
}

/** Everything in which declared, on disk and in the kernel disagree. `declaredName`: web@3f2a9c01. */
export function driftOf(
  facts: ConfinementFacts,
  declaredName: string
): { kind: DriftKind; message: string }[] {
  if (!facts.running) return []
  const found: { kind: DriftKind; message: string }[] = []
  const name = declaredName === '' ? 'a profile' : declaredName
  const promised = facts.assignedDigest !== '' || facts.declared !== 'none'
  if (facts.mode === 0 && promised && !facts.privileged) {
    found.push({ kind: 'Unconfined', message: `declared ${name}, running unconfined` })
  }
  if (facts.mode !== 0 && facts.declared !== 'none' && wasCompared(facts) && !facts.same) {
    const message = `declared ${name}, another filter is in force: ${facts.difference}`
    found.push({ kind: 'FilterDiffers', message })
  }
  if (facts.mode !== 0 && facts.assignedDigest !== '' && facts.assignedDigest !== facts.digest) {
    const message = `assigned ${name}, started with another profile: the file was a different one then`
    found.push({ kind: 'ConfigDiffers', message })
  }
  if (facts.disk === 'missing') {
    found.push({ kind: 'FileMissing', message: `the file of ${name} is gone from its node` })
  }
  if (facts.disk === 'changed') {
    found.push({ kind: 'FileChanged', message: `the file of ${name} is not what its name says` })
  }
  return found
}

/** Returns the word for a score of 0 to 100, on pages and on the command line alike. */
export function riskWord(score: number): 'low' | 'medium' | 'high' {
  return score >= 60 ? 'high' : score >= 35 ? 'medium' : 'low'
}

/** Returns the risk of a filter of which only the number of allowed syscalls is known. */
function riskOfWidth(allowed: number, runtimeDefault: number): number {
  // Of some 380 names RuntimeDefault allows 300.
  return allowed === 0
    ? runtimeDefault
    : Math.min(100, Math.round((runtimeDefault * allowed) / 300))
}

/** 0 to 100: what the kernel leaves to whoever breaks in. `allowed`: calls that go through, 0 not known. */
export function riskOfState(
  state: ConfinementState,
  facts: Pick<ConfinementFacts, 'allowed' | 'declared'>,
  known: {
    revision: number | undefined
    runtimeDefault: number
    /** Of RuntimeDefault, or a profile like it, that is in force: of what its node reports that it allows. */
    like?: number | undefined
  }
): number {
  switch (state) {
    case 'unconfined':
    case 'not-protectable':
      return 100
    case 'starting':
      return 0
    case 'enforced':
      return known.revision ?? riskOfWidth(facts.allowed, known.runtimeDefault)
    case 'audit':
      return known.runtimeDefault
    case 'runtime-default':
      // Without a report, what it allows beyond the default shows in the number alone.
      return (
        known.like ??
        Math.max(known.runtimeDefault, riskOfWidth(facts.allowed, known.runtimeDefault))
      )
    case 'other':
      if (facts.declared === 'allow-all') return 100
      return known.like ?? riskOfWidth(facts.allowed, known.runtimeDefault)
  }
}
