/** A controller's reference in `metadata.ownerReferences` (meta/v1). */
export interface OwnerReference {
  kind: string
  name: string
}

/** Label of the pods of a ReplicaSet that a Deployment made (pkg/controller/deployment). */
const templateHash = 'pod-template-hash'

/** The CronJob controller appends the scheduled time in minutes since 1970: 8 digits until 2160. */
const scheduled = /^(.+)-\d{8}$/

/**
 * The topmost owner behind a pod's controller. A pod names only the ReplicaSet or Job that made it:
 * what is above follows from the names that their controllers give, without asking anybody.
 */
export function topmostOwner(
  controller: OwnerReference,
  labels: Readonly<Record<string, string>>
): OwnerReference {
  const { kind, name } = controller
  if (kind === 'ReplicaSet') {
    const hash = Object.hasOwn(labels, templateHash) ? labels[templateHash] : undefined
    if (hash !== undefined && hash !== '' && name.endsWith(`-${hash}`)) {
      return { kind: 'Deployment', name: name.slice(0, -hash.length - 1) }
    }
  }
  if (kind === 'Job') {
    const cron = scheduled.exec(name)?.[1]
    if (cron !== undefined) return { kind: 'CronJob', name: cron }
  }
  return { kind, name }
}
