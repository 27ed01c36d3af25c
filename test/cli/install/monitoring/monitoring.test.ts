import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { Registry } from 'prom-client'
import { test } from 'tap'
import { parseAllDocuments } from 'yaml'
import { satelliteMetrics } from '../../../../satellite/metrics.js'
import { NodeStatus } from '../../../../src/api/gen/hub.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { alerts, jobs } from '../../../../cli/install/monitoring/alerts.js'
import { panels } from '../../../../cli/install/monitoring/dashboard.js'
import { pathOf, removalOrder } from '../../../../cli/install/installed-objects.js'
import { alertRules, scraping } from '../../../../cli/install/monitoring/objects.js'
import { installObjects } from '../../../../cli/install/objects.js'
import { defaultOptions, layouts } from '../../../../cli/install/options.js'
import { createLogger } from '../../../../src/lib/log.js'
import { admissionMetrics } from '../../../../webhook/admission/metrics.js'
import { watchMetrics } from '../../../../webhook/cluster/watch/watch-metrics.js'
import { loadMetrics, nodeMetrics, rejectionMetrics } from '../../../../webhook/hub/metrics.js'
import { profileMetrics } from '../../../../webhook/hub/profile-metrics.js'
import { createRejections } from '../../../../webhook/hub/stream/rejections.js'
import type { Confinement } from '../../../../webhook/confinement/containers/confinement.js'
import { confinementMetrics } from '../../../../webhook/confinement/metrics.js'
import { repositoryRoot } from '../../../helpers/repository.js'

interface Described {
  name: string
  type: string
  labels: readonly string[]
}

/** Every series that the programs serve, with its labels: from the registries that they fill themselves. */
async function served(): Promise<Map<string, Described>> {
  const central = new Registry()
  const sink = new Writable({ write: (_chunk, _encoding, done) => done() })
  const logger = createLogger('webhook', sink)
  admissionMetrics(central, () => 0)
  watchMetrics(central, logger)
  nodeMetrics(central, () => [])
  loadMetrics(central, () => ({ waiting: 0, slowed: 0 }))
  rejectionMetrics(central, () => createRejections(logger).counts())
  profileMetrics(central, () => [])
  const hub = { denialRows: { totals: () => [], list: () => [] }, nodes: () => [] }
  const nothing = { sources: { hub }, views: { list: () => [] } } as unknown as Confinement
  confinementMetrics(central, nothing, () => true)
  const satellite = satelliteMetrics({
    status: () => NodeStatus.fromPartial({}),
    connected: () => false,
    waiting: () => 0,
    held: () => 0
  })
  const found = new Map<string, Described>()
  for (const registry of [central, satellite]) {
    for (const { name, type } of await registry.getMetricsAsJSON()) {
      const metric = registry.getSingleMetric(name) as unknown as { labelNames?: string[] }
      const labels = metric.labelNames ?? []
      const ends = String(type) === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
      for (const end of ends) {
        const more = end === '_bucket' ? ['le'] : []
        found.set(name + end, { name, type: String(type), labels: [...labels, ...more] })
      }
    }
  }
  return found
}

/** PromQL's words that our expressions may use; anything else must be a series or a label. */
const words = new Set(
  'absent sum max min by rate increase histogram_quantile min_over_time time'.split(' ')
)
/** What Prometheus itself adds to every target. */
const ofTargets = ['job', 'instance']

/** What is wrong with an expression: unknown series, unknown labels, rates of what is no counter, brackets. */
function problemsOf(expr: string, known: ReadonlyMap<string, Described>): string[] {
  const problems: string[] = []
  const used: Described[] = []
  const bare = expr.replace(/"[^"]*"/g, '""')
  for (const [open, close] of ['()', '[]', '{}']) {
    const count = (sign = '') => bare.split(sign).length
    if (count(open) !== count(close)) problems.push(`${String(open)}${String(close)} do not match`)
  }
  for (const [, name = '', matchers = '', range = ''] of bare.matchAll(
    /\b((?:secco_|up\b)[a-z_]*)(\{[^}]*\})?(\[[^\]]*\])?/g
  )) {
    const one =
      name === 'up' ? { name, type: 'gauge', labels: [] as readonly string[] } : known.get(name)
    if (one === undefined) {
      problems.push(`no program serves ${name}`)
      continue
    }
    used.push(one)
    for (const [, label = ''] of matchers.matchAll(/([a-z_]+)\s*[=!]/g)) {
      if (![...one.labels, ...ofTargets].includes(label)) problems.push(`${name} has no ${label}`)
    }
    if (range !== '' && !/^\[\d+[smhd]\]$/.test(range)) problems.push(`${range} is no range`)
  }
  for (const [, fn = '', name = ''] of bare.matchAll(/\b(rate|increase)\((\w+)/g)) {
    if (known.get(name)?.type === 'gauge') problems.push(`${fn} of the gauge ${name}`)
  }
  for (const [, list = ''] of bare.matchAll(/by \(([^)]*)\)/g)) {
    for (const label of list.split(',').map((text) => text.trim())) {
      const has = used.every((one) => [...one.labels, ...ofTargets].includes(label))
      if (!has) problems.push(`by ${label}: not every series has it`)
    }
  }
  const rest = bare
    .replace(/by \([^)]*\)|\{[^}]*\}|\[[^\]]*\]/g, ' ')
    .replace(/\b(?:secco_\w+|up)\b/g, ' ')
  for (const [word] of rest.matchAll(/[a-z_]\w*/gi)) {
    if (!words.has(word)) problems.push(`${word} is no word that is known here`)
  }
  return problems
}

test('alerts and dashboard ask for what the programs serve', async (t) => {
  const known = await served()
  t.ok(known.size > 25, `${known.size} series`)
  for (const { alert, expr, summary, description } of alerts) {
    t.same(problemsOf(expr, known), [], alert)
    const by = new Set(
      [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '))
    )
    for (const [, label = ''] of `${summary}${description}`.matchAll(/\$labels\.(\w+)/g)) {
      t.ok(by.has(label) || !expr.includes(' by '), `${alert}: says ${label}, and has it`)
    }
  }
  for (const { title, targets } of panels) {
    for (const [expr, legend] of targets) {
      t.same(problemsOf(expr, known), [], title)
      for (const [, label = ''] of legend.matchAll(/\{\{(\w+)\}\}/g)) {
        t.match(expr, new RegExp(`by \\([^)]*\\b${label}\\b`), `${title}: ${label}`)
      }
    }
  }
  const asked = [...alerts.map(({ expr }) => expr), ...panels.flatMap((one) => one.targets.flat())]
  for (const { name } of known.values()) {
    // Nodes' losses are the hub's copy of the satellites' own, and recorders are counted there too.
    const left = ['secco_build_info', 'secco_node_losses_total', 'secco_node_attached']
    t.ok(
      left.includes(name) || asked.some((expr) => expr.includes(name)),
      `${name} is in an alert or a panel of cli/install/monitoring/`
    )
  }
})

test('every metric that the sources name is registered in the check above', async (t) => {
  const metrics = new Set([...(await served()).values()].map(({ name }) => name))
  const named = ['satellite', 'webhook']
    .flatMap((room) =>
      readdirSync(join(repositoryRoot, room), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.ts'))
        .map((path) => readFileSync(join(repositoryRoot, room, path), 'utf8'))
    )
    .flatMap((text) => [...text.matchAll(/'(secco_[a-z_]+)'/g)].map(([, name = '']) => name))
  t.ok(named.length > 25, `${named.length} names`)
  t.same(
    named.filter((name) => !metrics.has(name)),
    [],
    'call the function that registers it in served() of this file'
  )
})

test('the check of expressions finds what is wrong', async (t) => {
  const known = await served()
  const wrong: [expr: string, problem: RegExp][] = [
    ['sum(rate(secco_gone_total[5m]))', /no program serves secco_gone_total/],
    ['sum by (pod) (secco_containers)', /by pod/],
    ['rate(secco_containers[5m])', /rate of the gauge/],
    ['secco_denials_total{pod="x"}', /has no pod/],
    ['sum(secco_containers', /do not match/],
    ['summe(secco_containers)', /summe is no word/],
    ['rate(secco_denials_total[5])', /is no range/]
  ]
  for (const [expr, problem] of wrong) t.match(problemsOf(expr, known).join(), problem, expr)
})

test('what is scraped is there in every layout', (t) => {
  type Labels = Record<string, string>
  const services = scraping().filter(({ kind }) => kind === 'Service') as unknown as {
    metadata: { name: string; labels: Labels }
    spec: { selector: Labels; ports: { targetPort: string }[] }
  }[]
  const has = (labels: Labels, wanted: Labels) =>
    Object.entries(wanted).every(([key, value]) => labels[key] === value)
  for (const layout of layouts) {
    const workloads = installObjects({ ...defaultOptions, layout, image: 'secco:test' }).filter(
      ({ kind }) => kind === 'Deployment' || kind === 'DaemonSet'
    ) as unknown as {
      metadata: { name: string }
      spec: {
        template: {
          metadata: { labels: Labels }
          spec: { containers: { ports: { name: string }[] }[] }
        }
      }
    }[]
    for (const { metadata, spec } of workloads) {
      const { labels } = spec.template.metadata
      const by = services.filter((one) => has(labels, one.spec.selector))
      t.equal(by.length, 1, `${layout}: ${metadata.name} is scraped once`)
      const ports = spec.template.spec.containers.flatMap((one) => one.ports.map((p) => p.name))
      t.ok(ports.includes(by[0]?.spec.ports[0]?.targetPort ?? ''), 'at a port that it has')
    }
  }
  const monitors = scraping().filter(({ kind }) => kind === 'ServiceMonitor') as unknown as {
    metadata: { name: string }
    spec: { selector: { matchLabels: Labels } }
  }[]
  t.same(monitors.map(({ metadata }) => metadata.name).sort(), Object.values(jobs).sort())
  for (const { metadata, spec } of monitors) {
    const found = services.filter((one) => has(one.metadata.labels, spec.selector.matchLabels))
    t.same(
      found.map((one) => one.metadata.name),
      [metadata.name],
      'a job is named after its Service'
    )
  }
  t.end()
})

test('the files hold the same', (t) => {
  const read = (name: string) =>
    readFileSync(join(repositoryRoot, 'manifests/components/monitoring', name), 'utf8')
  t.same(
    parseAllDocuments(read('alerts.yaml')).map((one) => one.toJS() as unknown),
    [alertRules()]
  )
  const { panels: placed } = JSON.parse(read('dashboard.json')) as {
    panels: { title: string; gridPos: { x: number; y: number; w: number; h: number } }[]
  }
  t.same(
    placed.map(({ title }) => title),
    panels.map(({ title }) => title)
  )
  for (const [at, { gridPos: a, title }] of placed.entries()) {
    t.ok(a.x + a.w <= 24, title)
    for (const { gridPos: b, title: other } of placed.slice(0, at)) {
      const apart = a.x >= b.x + b.w || b.x >= a.x + a.w || a.y >= b.y + b.h || b.y >= a.y + a.h
      t.ok(apart, `${title} beside ${other}`)
    }
  }
  t.end()
})

test('what a node complains of, by type', async (t) => {
  const of = (type: string, status: string) => ({ type, status })
  const conditions = [
    of('FiltersMatch', 'False'),
    of('FiltersMatch', 'False'),
    of('RecorderExact', 'True'),
    of('Unheard', 'False')
  ]
  const text = await satelliteMetrics({
    status: () => NodeStatus.fromPartial({ conditions }),
    connected: () => true,
    waiting: () => 0,
    held: () => 0
  }).metrics()
  t.match(text, /secco_satellite_complaints\{type="FiltersMatch"\} 2/)
  t.match(text, /secco_satellite_complaints\{type="RecorderExact"\} 0/)
  t.notMatch(text, /Unheard/, 'a closed set')
  const asked = alerts.flatMap(({ expr }) =>
    [...expr.matchAll(/secco_satellite_complaints\{type="(\w+)"\}/g)].map(([, type]) => type)
  )
  for (const type of asked) t.match(text, `{type="${type ?? ''}"}`, 'alerts ask for types that are')
  t.equal(asked.length, 2)
})

test('profiles by how far they came', async (t) => {
  const registry = new Registry()
  const of = (status: SeccompProfile['status']): SeccompProfile => ({
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', spec: {} },
    ...{ metadata: { namespace: 'shop', name: 'web' }, status: status ?? {} }
  })
  profileMetrics(registry, () => [
    of({}),
    of({ revision: 'sha256:a', nodes: { ready: 1, total: 2 } }),
    of({ revision: 'sha256:a' }),
    of({ revision: 'sha256:a', nodes: { ready: 2, total: 2 } })
  ])
  const text = await registry.metrics()
  t.match(text, /secco_profiles\{state="unapproved"\} 1/)
  t.match(text, /secco_profiles\{state="waiting"\} 2/)
  t.match(text, /secco_profiles\{state="ready"\} 1/)
})

test('uninstall removes what the component adds', (t) => {
  const removed = new Set(removalOrder(false).rest.map(pathOf))
  for (const one of [...scraping(), alertRules()]) t.ok(removed.has(pathOf(one)), pathOf(one))
  t.end()
})
