import type { ContainerView } from './container-views.js'
import { type DenialView, denialViews } from './denial-views.js'
import { isNamed } from './named.js'
import type { Truth } from './truth.js'

/**
 * What was refused to containers of that name other than these that run: who dies of a refused call is gone before
 * anybody asks why, and of one that has just begun its refused calls may be told first.
 * @param running what the name means now
 */
export function refusedBefore(
  truth: Truth,
  running: readonly ContainerView[],
  name: string,
  namespace?: string
): DenialView[] {
  const { denialRows } = truth.sources.hub
  const told = new Set(
    running.flatMap(({ node, id, startedAt }) =>
      denialRows.listOf(node, id, startedAt).map(({ key }) => key)
    )
  )
  const isMeant = isNamed(name, namespace)
  return denialViews(truth).filter(
    (row) =>
      !row.expected &&
      !told.has(row.key) &&
      isMeant({ ...row, id: row.container, name: row.containerName })
  )
}
