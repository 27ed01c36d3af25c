import { Type } from 'typebox'
import { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { SeccompRule } from '../../../src/api/seccomp-rule.js'
import { judgedNode } from '../../views/node-problems.js'
import { workloadOf } from '../../views/view.js'
import { AnyObject, listOf, reading, type Route } from '../model/route.js'

const get = { verb: 'list' } as const

/** Lists of what is in memory. */
export const readingRoutes: readonly Route[] = [
  reading({
    url: '/api/v1/profiles',
    operationId: 'listProfiles',
    summary: 'Every SeccompProfile',
    needs: { ...get, resource: 'seccompprofiles' },
    cli: 'secco get profiles -A -o json',
    pages: ['/profiles'],
    response: listOf(SeccompProfile),
    handle: ({ ui }) => ({ items: ui.sources.profiles() })
  }),
  reading({
    url: '/api/v1/rules',
    operationId: 'listRules',
    summary: 'Every SeccompRule',
    needs: { ...get, resource: 'seccomprules' },
    cli: 'secco get rules -A -o json',
    pages: ['/rules'],
    response: listOf(SeccompRule),
    handle: ({ ui }) => ({ items: ui.sources.rules() })
  }),
  reading({
    url: '/api/v1/workloads',
    operationId: 'listWorkloads',
    summary: 'Learned profiles by workload',
    needs: { ...get, resource: 'seccompprofiles' },
    cli: 'secco get workloads -A -o json',
    pages: ['/', '/workloads', '/review'],
    response: listOf(AnyObject),
    handle: ({ ui }) => {
      const denials = ui.sources.denials()
      return {
        items: ui.sources.profiles().flatMap((profile) => workloadOf(profile, denials) ?? [])
      }
    }
  }),
  reading({
    url: '/api/v1/nodes',
    operationId: 'listNodes',
    summary: 'The nodes and their state',
    needs: { ...get, resource: 'nodes' },
    cli: 'secco get nodes -o json',
    pages: ['/nodes', '/'],
    response: listOf(AnyObject),
    handle: ({ ui }) => ({ items: ui.sources.nodes().map((node) => judgedNode(node, ui.now())) })
  }),
  reading({
    url: '/api/v1/states',
    operationId: 'listStates',
    summary: 'What the admission decision knows about each profile',
    needs: { ...get, resource: 'seccompprofiles' },
    cli: 'secco check -f POD.yaml',
    pages: ['/rules'],
    response: listOf(AnyObject),
    handle: ({ ui }) => ({ items: ui.sources.states() })
  }),
  reading({
    url: '/api/v1/denials',
    operationId: 'listDenials',
    summary: 'Denials, newest last',
    needs: { ...get, resource: 'denials' },
    cli: 'secco profile show NAME',
    pages: ['/denials', '/workloads/:namespace/:name'],
    response: AnyObject,
    handle: ({ ui }) => ({
      knownSince: ui.sources.denialsKnownSince(),
      items: ui.sources.denials()
    })
  }),
  reading({
    url: '/api/v1/problems',
    operationId: 'listProblems',
    summary: 'Documents of the store that cannot be read',
    needs: { ...get, resource: 'seccompprofiles' },
    cli: 'secco get profiles -A',
    pages: ['/doctor'],
    response: listOf(Type.Object({ where: Type.String(), message: Type.String() })),
    handle: ({ ui }) => ({ items: ui.sources.problems() })
  }),
  reading({
    url: '/api/v1/audit',
    operationId: 'listActions',
    summary: 'Actions by pages and API, newest first',
    needs: { ...get, resource: 'seccompprofiles' },
    cli: 'secco ui audit -o json',
    pages: ['/audit'],
    response: Type.Object({ since: Type.String(), items: Type.Array(AnyObject) }),
    handle: ({ ui }) => ({ since: ui.audit.since(), items: ui.audit.list() })
  })
]
