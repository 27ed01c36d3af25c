import { plainNamespace } from '../../hub/nodes/workload.js'
import { type DenialView, denialViews } from './denial-views.js'
import { isNamed, type Nameable } from '../containers/container-names.js'
import type { Confinement } from '../containers/confinement.js'

/** EarlierDenial is a denial of a container that does not run now. A row's own namespace is its profile's. */
export interface EarlierDenial extends DenialView {
  /** The container's namespace. */
  home: string
}

function namesOf(row: EarlierDenial): Nameable {
  return { ...row, namespace: row.home, id: row.container, name: row.containerName }
}

/**
 * Returns the denials of containers of a name that do not run now. A container may end by a denial before anybody
 * asks for the reason, and a new container's denials may arrive before the container itself.
 */
export function earlierDenials(
  confinement: Confinement,
  name: string,
  namespace?: string
): EarlierDenial[] {
  const isMeant = isNamed(name, namespace)
  const rows = denialViews(confinement)
    .filter(({ expected }) => !expected)
    .map((row) => ({ ...row, home: row.pod === '' ? plainNamespace : row.namespace }))
    .filter((row) => isMeant(namesOf(row)))
  const containers = new Set(rows.map(({ node, container }) => `${node} ${container}`))
  const { denialRows } = confinement.sources.hub
  const ofRunning = new Set(
    confinement.views
      .list()
      .filter(({ node, id }) => containers.has(`${node} ${id}`))
      .flatMap((view) => denialRows.listOf(view))
      .map(({ key }) => key)
  )
  return rows.filter(({ key }) => !ofRunning.has(key))
}
