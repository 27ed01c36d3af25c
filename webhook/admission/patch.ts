import { annotations as names } from '../../src/api/names.js'
import { assignedOf } from '../../src/confinement/assigned.js'
import type { ContainerDecision, Decision } from '../../src/rules/decision.js'
import { maxContainers } from '../../src/rules/limits.js'
import type { ContainerKind, ExistingProfile, PodFacts } from '../../src/rules/facts.js'

/** PatchOperation is one operation of a JSON patch (RFC 6902); `add` replaces a member that exists. */
export type PatchOperation =
  | { op: 'add'; path: string; value: unknown }
  | { op: 'remove'; path: string }

const listOf = {
  init: 'initContainers',
  container: 'containers',
  ephemeral: 'ephemeralContainers'
} as const satisfies Record<ContainerKind, string>

/** Escapes a member's name for a JSON pointer (RFC 6901 §3). */
export function pointerSegment(name: string): string {
  if (!name.includes('~') && !name.includes('/')) return name
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

function profileOf(decision: ContainerDecision): ExistingProfile | undefined {
  switch (decision.outcome) {
    case 'assigned':
      if (decision.localhostProfile === undefined || decision.localhostProfile === '')
        return undefined
      return { type: 'Localhost', localhostProfile: decision.localhostProfile }
    case 'learn':
    case 'runtime-default':
      return { type: 'RuntimeDefault' }
    default:
      return undefined
  }
}

function same(a: ExistingProfile | undefined, b: ExistingProfile): boolean {
  return a?.type === b.type && a.localhostProfile === b.localhostProfile
}

/** Returns the operation that sets a seccompProfile below `parent`, with its securityContext if there is none. */
function setProfile(
  parent: string,
  hasSecurityContext: boolean,
  profile: ExistingProfile
): PatchOperation {
  return hasSecurityContext
    ? { op: 'add', path: `${parent}/securityContext/seccompProfile`, value: profile }
    : { op: 'add', path: `${parent}/securityContext`, value: { seccompProfile: profile } }
}

/** Returns the annotation's value for a profile; see the Kubernetes 1.18 seccomp documentation. */
function legacyValue(profile: ExistingProfile): string | undefined {
  if (profile.type === 'RuntimeDefault') return 'runtime/default'
  if (profile.type === 'Localhost' && profile.localhostProfile) {
    return `localhost/${profile.localhostProfile}`
  }
  return undefined
}

/** Returns a container's entry in `secco.dev/assigned`: only fields that a second call would repeat. */
function assignment(
  { rule, profile, mode, revision, outcome, reason }: ContainerDecision,
  author: string
) {
  return {
    ...{ rule, profile, mode, revision, outcome, reason },
    ...(author === '' ? {} : { author })
  }
}

/** Returns `RuntimeDefault` if a container's author stated it: a pod that has a decision has Secco's in its place. */
function authorOf(facts: PodFacts, { container, kind, index }: ContainerDecision): string {
  const annotation = facts.annotations
  const before =
    annotation !== undefined && Object.hasOwn(annotation, names.assigned)
      ? assignedOf(annotation[names.assigned], container)
      : undefined
  if (before !== undefined) return before.author === 'RuntimeDefault' ? before.author : ''
  const own = facts.containers.find((one) => one.kind === kind && one.index === index)
  const stated = own?.seccomp ?? facts.podSeccomp
  return stated?.type === 'RuntimeDefault' ? stated.type : ''
}

function wantedAnnotations(
  facts: PodFacts,
  decision: Decision,
  podProfile: ExistingProfile | undefined,
  legacy: boolean
): Map<string, string> {
  const wanted = new Map<string, string>()
  if (decision.containers.length > maxContainers) return wanted
  const pod = podProfile && legacyValue(podProfile)
  if (legacy && pod !== undefined) wanted.set(names.legacyPod, pod)
  const assigned: [string, unknown][] = []
  for (const container of decision.containers) {
    const profile = profileOf(container)
    if (profile === undefined) continue
    const value = legacyValue(profile)
    if (legacy && value !== undefined) {
      wanted.set(names.legacyContainerPrefix + container.container, value)
    }
    assigned.push([container.container, assignment(container, authorOf(facts, container))])
  }
  wanted.set(names.assigned, JSON.stringify(Object.fromEntries(assigned)))
  return wanted
}

function annotationOperations(facts: PodFacts, wanted: Map<string, string>): PatchOperation[] {
  if (wanted.size === 0) return []
  if (facts.annotations === undefined) {
    const value = Object.fromEntries(wanted)
    return facts.hasMetadata
      ? [{ op: 'add', path: '/metadata/annotations', value }]
      : [{ op: 'add', path: '/metadata', value: { annotations: value } }]
  }
  const operations: PatchOperation[] = []
  for (const [name, value] of wanted) {
    if (Object.hasOwn(facts.annotations, name) && facts.annotations[name] === value) continue
    operations.push({ op: 'add', path: `/metadata/annotations/${pointerSegment(name)}`, value })
  }
  return operations
}

/** Removes the annotation from a pod that Secco does not decide about: copied manifests bring it along. */
function removeStaleAssignment(facts: PodFacts): PatchOperation[] {
  if (facts.annotations === undefined || !Object.hasOwn(facts.annotations, names.assigned))
    return []
  return [{ op: 'remove', path: `/metadata/annotations/${pointerSegment(names.assigned)}` }]
}

/** Returns the annotation that a patch gives the pod; undefined if the pod keeps what it has. */
export function assignmentIn(patch: readonly PatchOperation[]): string | undefined {
  const own = `/metadata/annotations/${pointerSegment(names.assigned)}`
  for (const operation of patch) {
    if (operation.op !== 'add') continue
    const { path, value } = operation
    if (path === own) return String(value)
    const { annotations } = (path === '/metadata' ? value : {}) as { annotations?: unknown }
    const all = path === '/metadata/annotations' ? value : annotations
    if (all !== undefined) return (all as Record<string, string>)[names.assigned]
  }
  return undefined
}

const notOurs = new Set(['unmatched', 'ignored', 'kept', 'skipped'])

/**
 * Returns the patch that applies a decision to this pod: operations at fixed paths, with missing parents, without
 * what the pod already has. For a patched pod the patch is empty.
 * @param legacyAnnotations also write the annotations of kubelets before 1.27.
 */
export function buildPatch(
  facts: PodFacts,
  decision: Decision,
  legacyAnnotations: boolean
): PatchOperation[] {
  const onPod = facts.subresource === ''
  if (notOurs.has(decision.decision)) return onPod ? removeStaleAssignment(facts) : []
  if (decision.decision !== 'patched') return []
  const operations: PatchOperation[] = []
  let podProfile = facts.podSeccomp
  if (decision.podRuntimeDefault) {
    podProfile = { type: 'RuntimeDefault' }
    operations.push(setProfile('/spec', facts.hasPodSecurityContext, podProfile))
  }
  // Decisions have the order of the facts, and leave some of them out.
  let at = 0
  for (const container of decision.containers) {
    let existing = facts.containers[at++]
    while (existing?.index !== container.index || existing.kind !== container.kind) {
      if (existing === undefined) return operations
      existing = facts.containers[at++]
    }
    const profile = profileOf(container)
    const list = listOf[container.kind]
    if (profile === undefined || same(existing.seccomp, profile)) continue
    const parent = `/spec/${list}/${container.index}`
    operations.push(setProfile(parent, existing.hasSecurityContext, profile))
  }
  if (onPod) {
    const wanted = wantedAnnotations(facts, decision, podProfile, legacyAnnotations)
    operations.push(...annotationOperations(facts, wanted))
  }
  return operations
}
