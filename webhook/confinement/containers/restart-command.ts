import { rootNamespace } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { quoted } from '../../../src/lib/shell-word.js'
import { containerFileOf, filterSource } from '../../../src/seccomp/review/new-pods.js'
import { isRisky, ownStartRisk } from '../../../src/seccomp/review/start-risk.js'
import { hasContent } from '../../../src/seccomp/policy/approval.js'
import { indexedMode, type RuleMode } from '../../../src/confinement/rule-mode.js'
import type { ContainerView } from './container-view.js'
import type { ConfinementSources } from './sources.js'

/** What `kubectl rollout restart` accepts. */
const rolledOut = new Set(['Deployment', 'StatefulSet', 'DaemonSet'])

/** GivenProfile is a profile with the mode in which a rule gives it, where one names it. */
export interface GivenProfile {
  profile: SeccompProfile
  ruleMode: RuleMode
}

/** Returns a profile as commands that restart a container take it; undefined where there is none of that key. */
export function givenProfile(
  { sources }: { sources: Pick<ConfinementSources, 'snapshot'> },
  profile: SeccompProfile | undefined
): GivenProfile | undefined {
  if (profile === undefined) return undefined
  const { namespace = rootNamespace, name } = profile.metadata
  return { profile, ruleMode: indexedMode(sources.snapshot().rules, { namespace, name }) }
}

/** Returns how a container outside Kubernetes is made again. */
export const createAgain = (id: string): string => `create ${id.slice(0, 64)} again`

/**
 * Returns how to restart a container under the filter of a deleted profile: without a rule or a pod it gets the file that it
 * is created with, and there may be none.
 * @param key the deleted profile
 * @param now another profile that has its name by now
 */
export function restartAfterDeletion(
  view: ContainerView,
  key: string,
  now: GivenProfile | undefined
): string {
  if (view.pod !== '' || (now !== undefined && hasContent(now.profile.spec)))
    return restartCommand(view, now)
  if (now === undefined) return `${createAgain(view.id)} without that file`
  return `secco profile approve ${key} (nothing is approved in the new one yet), then ${restartCommand(view, now)}`
}

/** Returns how to create a container outside Kubernetes with the filter that its profile has for new containers. */
function createWithFile({ id, state }: ContainerView, given: GivenProfile | undefined): string {
  const how = `${createAgain(id)} with`
  if (given === undefined)
    return `${how} the filter of its profile (secco get profiles -A lists them)`
  const { profile, ruleMode } = given
  const { namespace = rootNamespace, name } = profile.metadata
  // Without a ladder and a rule a container keeps its mode.
  const isDecided = profile.spec.ladder !== undefined || ruleMode !== undefined
  const isKept = !isDecided && (state === 'audit' || state === 'enforced')
  const kept =
    state === 'audit'
      ? ({ mode: 'audit' } as const)
      : ({ mode: 'enforce', isForced: isRisky(ownStartRisk(profile)) } as const)
  return `${how} ${filterSource({ namespace, name }, isKept ? kept : containerFileOf(profile, ruleMode))}`
}

/**
 * Returns the command that restarts a container, so that it gets what a new one would get. Secco never runs it. Names are
 * of the pod's author, and are quoted for a shell.
 * @param given the profile of the container, where it is known: outside Kubernetes its filter is named
 */
export function restartCommand(view: ContainerView, given?: GivenProfile): string {
  const { namespace, pod, workload } = view
  const [kind = '', name = ''] = workload.split('/')
  // Docker keeps the profile that a container was created with through its restarts.
  if (pod === '') return createWithFile(view, given)
  if (rolledOut.has(kind))
    return `kubectl rollout restart -n ${quoted(namespace)} ${quoted(`${kind.toLowerCase()}/${name}`)}`
  // Whatever owns the pod makes it again; who made a pod without an owner does that.
  return `kubectl delete pod -n ${quoted(namespace)} ${quoted(pod)}`
}

/** Returns what identifies a container in a list, with its state and the command that restarts it. */
export const containerRef = (view: ContainerView, given?: GivenProfile) => ({
  ...{ key: view.key, node: view.node, namespace: view.namespace, workload: view.workload },
  ...{ name: view.name, pod: view.pod, state: view.state, command: restartCommand(view, given) }
})
