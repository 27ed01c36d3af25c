import type { ContainerKind, ExistingProfile } from '../../../src/rules/facts.js'
import type { Snapshot } from '../../../src/rules/snapshot.js'
import { type CheckResult, checkObject, withUnknown } from '../../admission/check-pod.js'
import type { JsonObject } from '../../admission/json.js'
import type { ClusterContainer } from '../../hub/nodes/cluster-container.js'
import { authorsStatement } from './pod-facts.js'
import type { PodView } from './sources.js'

/** Lists of a pod's spec that a new pod has. Ephemeral containers come later. */
const lists: readonly (readonly [Exclude<ContainerKind, 'ephemeral'>, string])[] = [
  ['init', 'initContainers'],
  ['container', 'containers']
]

/** StatedSeccomp is what the author of a pod stated for each container, by name. */
type StatedSeccomp = ReadonlyMap<string, ExistingProfile | undefined>

function containerOf(
  { name, image, privileged }: ClusterContainer,
  stated: StatedSeccomp
): JsonObject {
  const seccompProfile = stated.get(name)
  const context = {
    ...(privileged === true ? { privileged } : {}),
    ...(seccompProfile === undefined ? {} : { seccompProfile: { ...seccompProfile } })
  }
  return {
    name,
    ...(image === undefined ? {} : { image }),
    ...(Object.keys(context).length === 0 ? {} : { securityContext: context })
  }
}

function documentOf(pod: PodView, stated: StatedSeccomp, nodeName?: string): JsonObject {
  const { namespace, name, labels, owner, placement, containers } = pod
  const { nodeSelector, affinity, tolerations } = placement ?? {}
  const isOwned = owner.kind !== 'Pod'
  const ofKind = (kind: ContainerKind) => containers.filter((one) => one.kind === kind)
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: { ...labels },
      ...(isOwned ? { ownerReferences: [{ ...owner, controller: true }] } : {})
    },
    spec: {
      ...(nodeName === undefined ? {} : { nodeName }),
      ...(nodeSelector === undefined ? {} : { nodeSelector }),
      ...(affinity === undefined ? {} : { affinity }),
      ...(tolerations === undefined ? {} : { tolerations }),
      ...Object.fromEntries(
        lists.flatMap(([kind, list]) => {
          const own = ofKind(kind)
          return own.length === 0 ? [] : [[list, own.map((one) => containerOf(one, stated))]]
        })
      )
    }
  }
}

/**
 * Returns the manifest of a pod as its controller would create it again: with its labels, its owner, the nodes that it
 * demands, every container, and what its author stated before Secco patched it. Secco keeps nothing else of a pod, and
 * nothing else decides.
 */
export const podManifest = (pod: PodView): JsonObject =>
  documentOf(
    pod,
    new Map(pod.containers.map((one) => [one.name, authorsStatement(one, pod.assigned).stated]))
  )

/** Returns the manifests that the stored pod would fit as well, each with what is not known then. */
function alternativesOf(pod: PodView): { document: JsonObject; unknown: string }[] {
  const all = pod.containers.map((one) => ({ one, ...authorsStatement(one, pod.assigned) }))
  const known = new Map(all.map(({ one, stated }) => [one.name, stated]))
  const ofAuthors = all.flatMap(({ one: { name, kind }, or }) =>
    or === undefined || kind === 'ephemeral'
      ? []
      : [
          {
            document: documentOf(pod, new Map([...known, [name, or]])),
            unknown: `what the author of ${name} stated before Secco replaced it is not known`
          }
        ]
  )
  const { node = '', owner } = pod
  if (node === '' || owner.kind !== 'Pod') return ofAuthors
  const unknown = `whether its author or the scheduler chose node ${node} is not known`
  return [...ofAuthors, { document: documentOf(pod, known, node), unknown }]
}

/** Returns the parts of a result that depend on what the author of a pod stated, apart from its words. */
const essenceOf = ({ decision, reason, containers }: CheckResult): string =>
  JSON.stringify([decision, reason, containers.map((one) => ({ ...one, overrides: '' }))])

/** Returns what a canary leaves open: the others of a workload get another revision. */
function canariesIn(snapshot: Snapshot, { containers }: CheckResult, { owner }: PodView): string[] {
  // The ordinal of a StatefulSet's pod decides on which side of a canary it is.
  if (!snapshot.canaries || owner.kind === 'StatefulSet') return []
  return containers.flatMap(({ container, profile = '' }) => {
    const { canary } = snapshot.profiles.get(profile)?.ladder ?? {}
    if (canary === undefined) return []
    return [`a canary gives ${canary.percent} % of new pods another revision for ${container}`]
  })
}

/**
 * Decides about a new pod of a running pod's workload, as admission does. What Secco replaced in the running pod, and did
 * not note, is named in `unknown` where it would change the decision.
 */
export function checkRunningPod(snapshot: Snapshot, pod: PodView): CheckResult {
  const check = (document: JsonObject) =>
    checkObject(snapshot, document, pod.namespace) as CheckResult
  const result = check(podManifest(pod))
  if (pod.exempt === true) {
    return withUnknown(result, ['Secco decides nothing about mirror pods and Windows pods'])
  }
  const essence = essenceOf(result)
  const replaced = alternativesOf(pod)
    .filter(({ document }) => essenceOf(check(document)) !== essence)
    .map((one) => one.unknown)
  const unknown = [...replaced, ...canariesIn(snapshot, result, pod)]
  return unknown.length === 0 ? result : withUnknown(result, unknown)
}
