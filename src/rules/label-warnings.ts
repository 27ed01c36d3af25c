import { apiGroup, labels as names, mirrorAnnotation } from '../api/names.js'
import type { PodFacts } from './facts.js'

const prefix = `${apiGroup}/`
/** Warnings of one pod. */
const most = 5

/**
 * Returns a warning for each label of Secco on a pod that has no effect: a key that Secco does not have, a value that is
 * neither "true" nor "false", a container that the pod lacks; and for the annotation of mirror pods on others. Pure.
 */
export function labelWarnings({
  labels,
  containers,
  claimsMirror = false
}: Pick<PodFacts, 'labels' | 'containers' | 'claimsMirror'>): string[] {
  const found = claimsMirror
    ? [
        `secco: annotation ${mirrorAnnotation} does not count: only a node creates mirrors of its static pods`
      ]
    : []
  for (const [key, value] of Object.entries(labels)) {
    if (!key.startsWith(prefix) || key === names.profile) continue
    const problem = problemOf(key, value, containers)
    if (problem !== undefined) found.push(`secco: label ${key} has no effect: ${problem}`)
    if (found.length === most) break
  }
  return found
}

function problemOf(
  key: string,
  value: string,
  containers: PodFacts['containers']
): string | undefined {
  if (key === names.learn || key === names.ignore) {
    return value === 'true' || value === 'false' ? undefined : 'its value must be "true" or "false"'
  }
  if (!key.startsWith(names.containerProfilePrefix)) {
    return `pods can have ${names.profile}, ${names.containerProfilePrefix}CONTAINER, ${names.learn} and ${names.ignore}`
  }
  const container = key.slice(names.containerProfilePrefix.length)
  return containers.some(({ name }) => name === container)
    ? undefined
    : `the pod has no container ${container}`
}
