import { apiVersion } from '../../src/api/names.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import { town } from './town.js'
import { city, cityKey } from './city.js'

/** Rows of every table of the pages of a crowd. */
export const crowdRows = 5000

/** As many workloads, containers, rules, nodes and denials as no table shows at once. */
export function crowd(rows = crowdRows) {
  const base = city(rows, rows)
  const [node] = town.nodes()
  const [denial] = town.denials()
  if (node === undefined || denial === undefined) throw new Error('no sample')
  const all = Array.from({ length: rows }, (_, at) => at)
  const rules = all.map(
    (at): SeccompRule => ({
      ...{ apiVersion, kind: 'SeccompRule' },
      metadata: { namespace: `ns-${at % 40}`, name: `rule-${at}` },
      spec: { mode: 'enforce', podSelector: { matchLabels: { app: `w-${at}` } } }
    })
  )
  const nodes = all.map((at) => ({ ...node, name: `worker-${at}`, connected: at % 1000 !== 999 }))
  const denials = all.map((at) => ({
    ...denial,
    ...{ namespace: `ns-${at % 40}`, profile: `w-${at}.app`, container: `c${at}`, expected: false },
    state: 'open' as const
  }))
  return {
    ...base,
    objects: [...base.objects, ...rules],
    nodes: () => nodes,
    denials: () => denials
  }
}

/** The pages whose tables grow with an installation. */
export const crowdPages: Readonly<Record<string, string>> = {
  fleet: '/',
  workloads: '/workloads',
  reviews: '/review',
  denials: '/denials',
  profiles: '/profiles',
  compare: `/compare?left=RuntimeDefault&right=${cityKey}`,
  rules: '/rules',
  nodes: '/nodes',
  profiler: '/profiler',
  audit: '/audit?kind=all'
}
