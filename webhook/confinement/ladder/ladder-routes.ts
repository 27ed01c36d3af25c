import type { Confinement } from '../containers/confinement.js'
import type { ConfinementRoute } from '../containers/route.js'
import { LadderChanges } from './ladder-changes.js'
import { ladderView } from './ladder-view.js'

const needs = { verb: 'approve', resource: 'seccompprofiles' } as const

export function ladderRoutes(confinement: Confinement): ConfinementRoute[] {
  const changes = new LadderChanges(confinement)
  return [
    {
      ...{ method: 'GET', url: '/api/v1/ladder', cli: 'secco promote' },
      needs: { verb: 'list', resource: 'seccompprofiles' },
      summary: 'The mode of each workload, with its evidence and its history',
      handle: () => ({
        items: confinement.sources.profiles().map((one) => ladderView(confinement, one))
      })
    },
    {
      ...{ method: 'POST', url: '/api/v1/promote', cli: 'secco promote', needs },
      summary: 'Moves a workload to a higher mode, for all new pods or for a share of them',
      handle: (call) => changes.promote(call)
    },
    {
      ...{ method: 'POST', url: '/api/v1/rollback', cli: 'secco rollback', needs },
      summary: 'Moves a workload back to its last mode or revision',
      handle: (call) => changes.rollback(call)
    },
    {
      ...{ method: 'POST', url: '/api/v1/allow', cli: 'secco denials allow', needs },
      summary: 'Allows a denied syscall: shows the difference, and with yes makes the revision',
      handle: (call) => changes.allow(call)
    },
    {
      ...{ method: 'POST', url: '/api/v1/mute', cli: 'secco denials mute', needs },
      summary: 'Mutes a denied syscall, so that it raises no alarm, or unmutes it',
      handle: (call) => changes.mute(call)
    }
  ]
}
