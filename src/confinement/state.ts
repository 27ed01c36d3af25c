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
  /** none, runtime-default, allow-all, revision, other. */
  declared: string
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

function wasCompared({ checked }: ConfinementFacts): boolean {
  return checked === 'bytes' || checked === 'table'
}

function certainty({ checked }: ConfinementFacts): string {
  if (checked === 'bytes') return "the kernel's filter is this one, byte for byte"
  if (checked === 'table') return "the kernel's filter answers every call as this one"
  return 'the kernel has a filter; which one could not be read'
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
  if (facts.declared === 'runtime-default') {
    return { state: 'runtime-default', why: `${certainty(facts)}${more}` }
  }
  if (facts.declared === 'allow-all') {
    return { state: 'other', why: 'its filter denies nothing: as good as none' }
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
  known: { revision: number | undefined; runtimeDefault: number }
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
    case 'runtime-default':
      return known.runtimeDefault
    case 'other':
      return facts.declared === 'allow-all' ? 100 : riskOfWidth(facts.allowed, known.runtimeDefault)
  }
}
