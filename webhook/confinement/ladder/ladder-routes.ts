import { rootNamespace } from '../../../src/api/names.js'
import { Slices } from '../../../src/lib/slices.js'
import { profileKey } from '../../../src/rules/profile-state.js'
import type { Confinement } from '../containers/confinement.js'
import type { ConfinementRoute } from '../containers/route.js'
import { denialsByProfile } from '../denials/denial-views.js'
import { LadderChanges } from './ladder-changes.js'
import { ladderView, type LadderView } from './ladder-view.js'

const approving = {
  needs: { verb: 'approve', resource: 'seccompprofiles' },
  namespaced: true
} as const

export function ladderRoutes(confinement: Confinement): ConfinementRoute[] {
  const changes = new LadderChanges(confinement)
  return [
    {
      ...{ method: 'GET', url: '/api/v1/ladder', cli: 'secco promote NAME MODE' },
      needs: { verb: 'list', resource: 'seccompprofiles' },
      namespaced: true,
      summary: 'The mode of each workload, with its evidence and its history',
      async handle({ sees }) {
        const denials = denialsByProfile(confinement)
        const slices = new Slices()
        const items: LadderView[] = []
        for (const one of confinement.sources.profiles()) {
          const { namespace = rootNamespace, name } = one.metadata
          if (!sees(namespace)) continue
          items.push(ladderView(confinement, one, denials.get(profileKey(namespace, name)) ?? []))
          await slices.pause()
        }
        return { items }
      }
    },
    {
      ...{ method: 'POST', url: '/api/v1/promote', cli: 'secco promote NAME MODE', ...approving },
      summary: 'Moves a workload to a higher mode, for all new pods or for a share of them',
      handle: (call) => changes.promote(call)
    },
    {
      ...{
        method: 'POST',
        url: '/api/v1/rollback',
        cli: 'secco rollback NAME --reason WHY',
        ...approving
      },
      summary: 'Moves a workload back to its last mode or revision',
      handle: (call) => changes.rollback(call)
    },
    {
      ...{
        method: 'POST',
        url: '/api/v1/allow',
        cli: 'secco denials allow NAME CALL --reason WHY',
        ...approving
      },
      summary: 'Allows a denied syscall: shows the difference, and with yes makes the revision',
      handle: (call) => changes.allow(call)
    },
    {
      ...{
        method: 'POST',
        url: '/api/v1/mute',
        cli: 'secco denials mute NAME CALL --reason WHY',
        ...approving
      },
      summary: 'Mutes a denied syscall, so that it raises no alarm, or unmutes it',
      handle: (call) => changes.mute(call)
    }
  ]
}
