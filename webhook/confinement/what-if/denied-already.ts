import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { filterInSlices } from '../../../src/lib/slices.js'
import type { DenialRow } from '../../hub/denials/denial-row.js'
import { isOpen } from '../../views/denial-view.js'
import type { Confinement } from '../containers/confinement.js'
import { callOf } from '../denials/call-arguments.js'
import { denialView, isDenialOf } from '../denials/denial-views.js'
import { allowsCall } from '../denials/settles-call.js'

/** Returns the denials of a container that are not on purpose. A muted denial is one, too. */
function deniedTo({ views, sources }: Confinement, id: string): DenialRow[] {
  const view = views.peek(id)
  if (view === undefined) return []
  return sources.hub.denialRows
    .listOf(view)
    .filter(({ expected, action }) => !expected && action !== 'SCMP_ACT_LOG')
}

/** Returns the open denials of a profile, in all namespaces that the question is about. */
async function deniedUnder(
  confinement: Confinement,
  { profile, sees }: { profile?: string; sees?: (namespace: string) => boolean }
): Promise<DenialRow[]> {
  const rows = profile === undefined ? [] : confinement.sources.hub.denialRows.list()
  return filterInSlices(
    rows,
    (row) =>
      profile !== undefined &&
      row.action !== 'SCMP_ACT_LOG' &&
      isDenialOf(confinement, row, profile) &&
      isOpen(denialView(confinement, row)) &&
      sees?.(row.namespace) !== false
  )
}

const callsIn = (rows: readonly DenialRow[]): string[] =>
  [...new Set(rows.map((row) => callOf(row)))].sort()

/** DeniedAlready is what is denied already: to which running container, and in total. */
export interface DeniedAlready {
  rows: Set<DenialRow>
  byContainer: Map<string, readonly DenialRow[]>
}

/** Returns what is denied already under the profile of a question, also to containers that have ended. */
export const deniedAlready = async (
  ...asked: Parameters<typeof deniedUnder>
): Promise<DeniedAlready> => ({
  rows: new Set(await deniedUnder(...asked)),
  byContainer: new Map()
})

/** Adds what is denied already to a container that runs. */
export function addDenied(
  confinement: Confinement,
  { rows, byContainer }: DeniedAlready,
  id: string
): void {
  const own = deniedTo(confinement, id)
  if (own.length === 0) return
  byContainer.set(id, own)
  for (const row of own) rows.add(row)
}

/**
 * Returns the calls that are denied already, and those of them that a trial revision, or none, would deny still.
 * @param hits the containers that would be denied what they used
 */
export async function prospectsOf(
  { rows, byContainer }: DeniedAlready,
  hits: ReadonlySet<string>,
  trial: LinuxSeccomp | undefined
): Promise<{ denied: string[]; still: string[]; affected?: number }> {
  const still = await filterInSlices(rows, (row) => trial === undefined || !allowsCall(trial, row))
  const stays = new Set(still)
  const others = [...byContainer].filter(
    ([id, own]) => !hits.has(id) && own.some((row) => stays.has(row))
  )
  return {
    ...{ denied: callsIn([...rows]), still: callsIn(still) },
    ...(trial === undefined ? {} : { affected: hits.size + others.length })
  }
}
