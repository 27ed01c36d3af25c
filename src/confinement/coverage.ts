import type { ContainerDecision, Decision } from '../rules/decision.js'
import type { ExistingProfile, PodFacts } from '../rules/facts.js'

/**
 * Coverage is what a decision means for the containers of a pod:
 * - `covered`: every container gets what its rule or label gives;
 * - `partly`: every container gets a profile, and some get RuntimeDefault because their own profile cannot be used;
 * - `not-covered`: some container, or all of them, get what the pod asks for;
 * - `rejected`: the pod is not created;
 * - `unknown`: the decision depends on something that is not known of the pod.
 */
export type Coverage = 'covered' | 'partly' | 'not-covered' | 'rejected' | 'unknown'

const written: ReadonlySet<string> = new Set(['assigned', 'learn', 'runtime-default'])
/** Reasons for which a container gets RuntimeDefault in the place of its profile, until a person does something. */
const lacks: Readonly<Partial<Record<ContainerDecision['reason'], string>>> = {
  'not-ready': 'its profile has not reached every node',
  'not-approved': 'its profile is not approved',
  'unknown-profile': 'its profile does not exist',
  wider: 'its profile allows more than RuntimeDefault'
}

/** Returns what a container of a pod asks for by itself. */
function askedText(own: ExistingProfile | undefined): string {
  if (own === undefined) return 'nothing, so the node decides'
  const { type, localhostProfile } = own
  return localhostProfile === undefined ? type : `${type} ${localhostProfile}`
}

/** Returns what each container asks for; one phrase where all ask for the same. */
function asksText({ containers, podSeccomp }: PodFacts): string {
  const asked = containers.map(({ name, seccomp }) => [name, askedText(seccomp ?? podSeccomp)])
  const [first] = asked
  if (first !== undefined && asked.every(([, what]) => what === first[1])) return String(first[1])
  return asked.map(([name, what]) => `${String(name)}: ${String(what)}`).join('; ')
}

const reasonsNotCovered: Readonly<Partial<Record<Decision['reason'], string>>> = {
  'no-rule': 'No rule matches',
  'opt-out': 'The pod opts out by its label',
  'excluded-namespace': 'Secco decides nothing in this namespace',
  windows: 'Windows has no seccomp',
  mirror: 'Secco cannot change the mirror of a static pod'
}

function uncoveredText(containers: readonly ContainerDecision[], facts: PodFacts): string {
  const asks = (one: ContainerDecision): string => {
    const own = facts.containers.find(({ kind, index }) => kind === one.kind && index === one.index)
    return askedText(own?.seccomp ?? facts.podSeccomp)
  }
  const parts = containers.map((one) => {
    if (one.outcome === 'kept') return `${one.container} keeps the file that its author names`
    if (one.reason === 'privileged') return `${one.container} is privileged and has no filter`
    return `no rule covers ${one.container}, which asks for ${asks(one)}`
  })
  return parts.join('; ')
}

interface Covered {
  coverage: Coverage
  /** A sentence without a full stop. */
  summary: string
}

/** Returns the coverage of a pod of which something is not known that would change the decision. */
export const uncertain = (unknown: readonly string[]): Covered => ({
  coverage: 'unknown',
  summary: `What a new pod gets is not certain: ${unknown.join('; ')}`
})

/** Returns what a decision means for the containers of a pod. Pure. */
export function coverageOf(
  { decision, reason, allowed, containers }: Decision,
  facts: PodFacts
): Covered {
  if (!allowed) return { coverage: 'rejected', summary: 'The pod is rejected' }
  if (decision === 'observed') {
    return { coverage: 'not-covered', summary: 'Only observed: the pod gets what it asks for' }
  }
  const why = reasonsNotCovered[reason]
  if (why !== undefined && !containers.some(({ outcome }) => written.has(outcome))) {
    return {
      coverage: 'not-covered',
      summary: `${why}: the pod gets what it asks for (${asksText(facts)})`
    }
  }
  const rest = containers.filter(({ outcome }) => !written.has(outcome))
  if (rest.length > 0 || containers.length === 0) {
    const count = `${rest.length} of ${containers.length}`
    return {
      coverage: 'not-covered',
      summary: `Not covered: ${count} containers: ${uncoveredText(rest, facts)}`
    }
  }
  const lacking = containers.filter(
    (one) => one.outcome === 'runtime-default' && one.reason in lacks
  )
  if (lacking.length > 0) {
    const texts = lacking.map(({ container, reason: lack }) => `${container}, ${lacks[lack] ?? ''}`)
    return {
      coverage: 'partly',
      summary: `RuntimeDefault in the place of a profile: ${texts.join('; ')}`
    }
  }
  const each =
    containers.length === 1 ? 'The container is' : `All ${containers.length} containers are`
  return { coverage: 'covered', summary: `${each} covered by a rule or a label` }
}
