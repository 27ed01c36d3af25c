import { rootNamespace, revisionPath } from '../api/names.js'
import type { SeccompRule } from '../api/seccomp-rule.js'
import { alwaysExcludedNamespaces } from './exclusions.js'
import type { NodeFacts } from './node-facts.js'
import type { InstallMode } from './observe.js'
import { type ProfileState, profileKey, type RevisionState } from './profile-state.js'
import { compileRules, type RuleProblem } from './rule.js'
import { buildRuleIndex, type RuleIndex } from './rule-index.js'
import type { Labels } from './selector.js'

interface SnapshotOptions {
  /** Also write the annotations that kubelets before 1.27 read; default true. */
  legacyAnnotations: boolean
  /** Namespace that Secco runs in. Its pods are never changed. */
  ownNamespace: string
  /** Whether pods may opt out with `secco.dev/ignore` where the namespace has no `secco.dev/allow-ignore`; default false. */
  allowIgnore: boolean
  /** Namespaces whose pods are never changed; with `kube-system`, `kube-node-lease` and the own namespace. */
  excludedNamespaces: ReadonlySet<string>
  /** New nodes carry the start-up taint until they have every file; default false. */
  joinTainted: boolean
  /** `observe`: decisions are reported and logged, and no pod is changed until its namespace is enabled; default enforce. */
  mode: InstallMode
}

/** Everything that a decision depends on. Immutable: a change makes a new snapshot, swapped in one assignment. */
export interface Snapshot {
  rules: RuleIndex
  /** By `<namespace>/<name>`; see `profileKey`. */
  profiles: ReadonlyMap<string, ProfileState>
  /** Whether the revision of the second digest allows everything that the first allows. False if unknown. */
  within: (inner: string, outer: string) => boolean
  /** Whether some profile has a canary, so that pods have to be counted. */
  canaries: boolean
  /** Labels of known namespaces, `kubernetes.io/metadata.name` included. */
  namespaces: ReadonlyMap<string, Labels>
  /** Nodes by name; empty outside a cluster: then a revision is ready for all or for none. */
  nodes: ReadonlyMap<string, NodeFacts>
  options: SnapshotOptions
  /** Objects that could not be used as they are; everything else works. */
  problems: readonly RuleProblem[]
  /** The same object as in an earlier snapshot while nothing but `profiles` and problems of profiles differ. */
  surroundings: object
}

/** CompiledRules is what a snapshot makes of rules; it can be used again while the rules are the same. */
export interface CompiledRules {
  index: RuleIndex
  problems: readonly RuleProblem[]
}

/** Compiles rules; 10,000 take some 50 ms. */
export function compileForSnapshot(documents: readonly SeccompRule[]): CompiledRules {
  const { rules, problems } = compileRules(documents)
  return { index: buildRuleIndex(rules), problems }
}

export interface SnapshotSource {
  rules?: readonly SeccompRule[] | CompiledRules
  profiles?: readonly ProfileState[]
  /** See Snapshot.within. Pure and quick; default: no revision is within another. */
  within?: (inner: string, outer: string) => boolean
  /** Labels per namespace; empty outside a cluster. */
  namespaces?: ReadonlyMap<string, Labels>
  /** Facts per node. The caller must not change the map later. */
  nodes?: ReadonlyMap<string, NodeFacts>
  /** See Snapshot.surroundings; default: they differ from those of any other snapshot. */
  surroundings?: object
  options?: {
    legacyAnnotations?: boolean
    ownNamespace?: string
    allowIgnore?: boolean
    excludedNamespaces?: readonly string[]
    joinTainted?: boolean
    mode?: InstallMode
  }
}

/** Whether the path of a revision follows from its digest: a revision with any other path is not used. */
function trusted(state: ProfileState, revision: RevisionState | undefined): boolean {
  return (
    revision !== undefined &&
    /^sha256:[0-9a-f]{64}$/.test(revision.digest) &&
    revision.path === revisionPath(state.namespace, state.name, revision.digest)
  )
}

/** Returns the ladder unless a path does not match its digest: then the rules apply. */
function trustedLadder(state: ProfileState, problems: RuleProblem[]): ProfileState['ladder'] {
  const { ladder } = state
  const named = [ladder?.revision, ladder?.canary?.from.revision].filter((one) => one !== undefined)
  if (named.every((one) => trusted(state, one))) return ladder
  const message = 'ladder: path and digest do not match; not used'
  problems.push({ rule: profileKey(state.namespace, state.name), message })
  return undefined
}

/** What was made of a state: states do not change, and most of them are in one snapshot after the other. */
const trustedStates = new WeakMap<ProfileState, { state: ProfileState; problems: RuleProblem[] }>()

function trustedProfile(state: ProfileState, problems: RuleProblem[]): ProfileState {
  let known = trustedStates.get(state)
  if (known === undefined) {
    const own: RuleProblem[] = []
    known = { state: checkedProfile(state, own), problems: own }
    trustedStates.set(state, known)
  }
  problems.push(...known.problems)
  return known.state
}

function checkedProfile(state: ProfileState, problems: RuleProblem[]): ProfileState {
  const { enforce, audit, previous } = state
  const ladder = trustedLadder(state, problems)
  for (const [name, revision] of Object.entries({ enforce, audit, previous })) {
    if (revision !== undefined && !trusted(state, revision)) {
      const message = `${name}: path and digest do not match; not used`
      problems.push({ rule: profileKey(state.namespace, state.name), message })
    }
  }
  return {
    namespace: state.namespace,
    name: state.name,
    approved: state.approved,
    ...(state.container === undefined ? {} : { container: state.container }),
    ...(state.workload === undefined ? {} : { workload: state.workload }),
    ...(enforce !== undefined && trusted(state, enforce) ? { enforce } : {}),
    ...(audit !== undefined && trusted(state, audit) ? { audit } : {}),
    ...(previous !== undefined && trusted(state, previous) ? { previous } : {}),
    ...(ladder === undefined ? {} : { ladder }),
    ...(state.labelMode === undefined ? {} : { labelMode: state.labelMode })
  }
}

/** Builds a snapshot from documents and states. Pure; callers coalesce changes and swap the result in. */
export function buildSnapshot(source: SnapshotSource): Snapshot {
  const { rules = [] } = source
  const compiled = 'index' in rules ? rules : compileForSnapshot(rules)
  const problems = [...compiled.problems]
  const profiles = new Map<string, ProfileState>()
  for (const state of source.profiles ?? []) {
    profiles.set(profileKey(state.namespace, state.name), trustedProfile(state, problems))
  }
  const namespaces = new Map<string, Labels>()
  for (const [name, labels] of source.namespaces ?? []) {
    namespaces.set(name, { ...labels, 'kubernetes.io/metadata.name': name })
  }
  const ownNamespace = source.options?.ownNamespace ?? rootNamespace
  return {
    rules: compiled.index,
    profiles,
    within: source.within ?? (() => false),
    canaries: [...profiles.values()].some(({ ladder }) => ladder?.canary !== undefined),
    namespaces,
    nodes: source.nodes ?? new Map<string, NodeFacts>(),
    options: {
      legacyAnnotations: source.options?.legacyAnnotations ?? true,
      ownNamespace,
      allowIgnore: source.options?.allowIgnore ?? false,
      excludedNamespaces: new Set([
        ...alwaysExcludedNamespaces,
        ownNamespace,
        ...(source.options?.excludedNamespaces ?? [])
      ]),
      joinTainted: source.options?.joinTainted ?? false,
      mode: source.options?.mode ?? 'enforce'
    },
    problems,
    surroundings: source.surroundings ?? {}
  }
}

/** Labels of a namespace; at least its name, which every namespace carries. */
export function namespaceLabels(snapshot: Snapshot, namespace: string): Labels {
  return snapshot.namespaces.get(namespace) ?? { 'kubernetes.io/metadata.name': namespace }
}
