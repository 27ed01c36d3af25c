import { plainNamespace } from '../../hub/nodes/workload.js'
import { type DenialView, denialViews } from './denial-views.js'
import { isNamed, type Nameable } from '../containers/named.js'
import type { Truth } from '../truth.js'

/** A row's own namespace is its profile's: outside of Kubernetes that is whatever a label says. */
export interface RefusedBefore extends DenialView {
  /** The container's namespace. */
  home: string
}

function namesOf(row: RefusedBefore): Nameable {
  return { ...row, namespace: row.home, id: row.container, name: row.containerName }
}

/**
 * What was refused to containers of that name other than those that run: who dies of a refused call is gone before
 * anybody asks why, and of one that has just begun its refused calls may be told first.
 */
export function refusedBefore(truth: Truth, name: string, namespace?: string): RefusedBefore[] {
  const isMeant = isNamed(name, namespace)
  const rows = denialViews(truth)
    .filter(({ expected }) => !expected)
    .map((row) => ({ ...row, home: row.pod === '' ? plainNamespace : row.namespace }))
    .filter((row) => isMeant(namesOf(row)))
  const containers = new Set(rows.map(({ node, container }) => `${node} ${container}`))
  const { denialRows } = truth.sources.hub
  const told = new Set(
    truth.views
      .list()
      .filter(({ node, id }) => containers.has(`${node} ${id}`))
      .flatMap(({ node, id, startedAt }) => denialRows.listOf(node, id, startedAt))
      .map(({ key }) => key)
  )
  return rows.filter(({ key }) => !told.has(key))
}
