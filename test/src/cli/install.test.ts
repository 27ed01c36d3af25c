import { test } from 'tap'
import { installObjects } from '../../../src/cli/install/objects.js'
import { defaultOptions, layouts, type Manifest } from '../../../src/cli/install/options.js'
import { parseDuration } from '../../../src/cli/duration.js'

interface PodSpec {
  terminationGracePeriodSeconds: number
  containers: { args: string[]; startupProbe: { periodSeconds: number } }[]
}
const podSpecs = (objects: readonly Manifest[]): [string, PodSpec][] =>
  objects
    .filter(({ kind }) => kind === 'Deployment' || kind === 'DaemonSet')
    .map(({ metadata, spec }) => [
      (metadata as { name: string }).name,
      (spec as { template: { spec: PodSpec } }).template.spec
    ])

/** What requests in flight may take after that (webhook/server.ts). */
const drainMs = 10_000

for (const layout of layouts) {
  test(`${layout}: pods come and go without a gap`, (t) => {
    const specs = podSpecs(installObjects({ ...defaultOptions, layout, image: 'secco:test' }))
    t.equal(specs.length, layout === 'ha' ? 3 : 2)
    for (const [name, { terminationGracePeriodSeconds, containers }] of specs) {
      const [{ args, startupProbe } = { args: [], startupProbe: { periodSeconds: 0 } }] = containers
      t.equal(startupProbe.periodSeconds, 1, `${name}: ready as soon as it is`)
      const roles = args[args.indexOf('--roles') + 1] ?? ''
      const at = args.indexOf('--leave-after')
      t.equal(at >= 0, args.includes('--roles') && roles.includes('admission'), name)
      if (at < 0) continue
      const leaveMs = parseDuration(args[at + 1] ?? '', '--leave-after')
      t.ok(leaveMs >= 2000, `${name}: longer than the proxies of nodes need`)
      t.ok(leaveMs + drainMs < terminationGracePeriodSeconds * 1000, `${name}: ends by itself`)
    }
    t.end()
  })
}
