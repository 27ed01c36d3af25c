import type { WorkloadKey } from '../../../src/history/workload-history.js'
import { installationName } from './installation.js'

/**
 * Returns the names of the histories to delete, so that `most` are left: the oldest ones of the namespaces that have most.
 * That of the installation stays.
 * @param workloads and when something happened to them last, by the names of their histories
 */
export function oldestOfMost(
  workloads: ReadonlyMap<string, WorkloadKey>,
  lastAt: ReadonlyMap<string, string>,
  most: number
): string[] {
  const byNamespace = new Map<string, string[]>()
  for (const [name] of [...lastAt].sort(([, a], [, b]) => (a < b ? -1 : a > b ? 1 : 0))) {
    const { namespace = '' } = workloads.get(name) ?? {}
    if (name === installationName) continue
    byNamespace.set(namespace, [...(byNamespace.get(namespace) ?? []), name])
  }
  const largest = () =>
    [...byNamespace.values()].reduce((a, b) => (b.length > a.length ? b : a), [])
  return Array.from({ length: Math.ceil(workloads.size - most) }, () => largest().shift()).filter(
    (name) => name !== undefined
  )
}
