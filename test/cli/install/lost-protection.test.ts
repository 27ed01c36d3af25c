import { test } from 'tap'
import { installObjects } from '../../../cli/install/objects.js'
import { defaultOptions } from '../../../cli/install/options.js'
import { pathOf } from '../../../cli/install/installed-objects.js'
import { runUninstall } from '../../../cli/install/uninstall.js'
import { SeccoError } from '../../../src/lib/errors.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'
import { captureIo } from '../../helpers/captured-io.js'

const file = { type: 'Localhost', localhostProfile: `secco/shop/web.app/${'ab'.repeat(32)}.json` }

interface Made {
  namespace?: string
  outcome?: string
  profile?: object
  phase?: string
  of?: object
}

const pod = (name: string, { namespace = 'shop', outcome, profile, phase, of }: Made = {}) => ({
  metadata: {
    ...{ name, namespace, labels: { 'pod-template-hash': '7d9f6' } },
    ...(outcome !== undefined && {
      annotations: { 'secco.dev/assigned': JSON.stringify({ app: { outcome } }) }
    }),
    ...(of !== undefined && { ownerReferences: [{ controller: true, ...of }] })
  },
  spec: { containers: [{ name: 'app', securityContext: { seccompProfile: profile } }] },
  status: { phase: phase ?? 'Running' }
})
const web = { kind: 'ReplicaSet', name: 'web-7d9f6' }

/** Uninstalls in a cluster with these pods, or a failure of their list. Returns what is printed about what is left. */
async function uninstalled(pods: object[] | SeccoError, nodes?: object[], isDry = false) {
  const objects = installObjects({ ...defaultOptions, layout: 'small', image: '' })
  const held = new Map(objects.map((one) => [pathOf(one), one]))
  const absent = new SeccoError('NOT_FOUND', 'absent')
  const call: ApiCall = (method, path) => {
    const found = held.get(path)
    if (method === 'DELETE') held.delete(path)
    if (path.includes('/proxy/api/v1/nodes'))
      return nodes === undefined || held.size < objects.length
        ? Promise.reject(new SeccoError('UNAVAILABLE', 'no hub'))
        : Promise.resolve({ items: nodes })
    if (path === '/api/v1/pods')
      return pods instanceof SeccoError
        ? Promise.reject(pods)
        : Promise.resolve({ metadata: {}, items: pods })
    if (path === '/api/v1/nodes') return Promise.resolve({ items: [] })
    return found === undefined ? Promise.reject(absent) : Promise.resolve(found)
  }
  const { io, printed } = captureIo()
  await runUninstall(io, call, { all: false, dryRun: isDry, timeoutMs: 1000 })
  return printed.stderr
}

test('uninstall names the workloads that lose their protection', async (t) => {
  const many = Array.from({ length: 23 }, (_, at) => pod(`p${at}`, { outcome: 'assigned' }))
  const loses = 'what Secco gives: new pods get none, running pods keep their filter\n'
  const fails =
    'files below secco/ in its own template: new pods fail to start where they are gone\n'
  const rows: [what: string, pods: object[] | SeccoError, RegExp | undefined][] = [
    ['no pod', [], undefined],
    ['a pod without a decision', [pod('a')], undefined],
    ['a pod that ended', [pod('a', { outcome: 'assigned', phase: 'Succeeded' })], undefined],
    ['its own', [pod('a', { namespace: 'secco-system', outcome: 'assigned' })], undefined],
    ['an opted out pod', [pod('a', { outcome: 'ignored' })], undefined],
    [
      'pods of one workload',
      [1, 2].map((n) => pod(`web-${n}`, { outcome: 'assigned', profile: file, of: web })),
      new RegExp(`^1 workload loses ${loses} {2}shop/Deployment/web\n$`, 'm')
    ],
    [
      'learn and RuntimeDefault',
      [pod('a', { outcome: 'learn' }), pod('b', { outcome: 'runtime-default' })],
      new RegExp(`^2 workloads lose ${loses} {2}shop/Pod/a, shop/Pod/b\n$`, 'm')
    ],
    ['many', many, /^ {2}shop\/Pod\/p0, .* and 3 more\n$/m],
    [
      'a file in a template',
      [pod('web-1', { profile: file, of: web })],
      new RegExp(`^1 workload names ${fails} {2}shop/Deployment/web\n$`, 'm')
    ],
    [
      'no right to list pods',
      new SeccoError('FORBIDDEN', 'ann may not list pods'),
      /^not known which workloads lose their protection: ann may not list pods\n$/m
    ]
  ]
  for (const [what, pods, expected] of rows)
    for (const isDry of [true, false]) {
      const printed = await uninstalled(pods, undefined, isDry)
      if (expected !== undefined) t.match(printed, expected, what)
      else t.notMatch(printed, /workload|protection/, what)
    }
})

test('uninstall names what stays on the nodes, with the counts that the hub had before it ended', async (t) => {
  const nodes = [{ revisions: 3 }, { revisions: 4 }, { revisions: 0 }]
  for (const isDry of [true, false]) {
    const printed = await uninstalled([], nodes, isDry)
    t.match(
      printed,
      /kubelet\/seccomp\/secco \(7 revision files on 2 nodes when the hub last knew\), /
    )
    t.match(printed, / and \/var\/lib\/secco: observations that wait for the hub/)
  }
  const without = await uninstalled([])
  t.match(without, /kubelet\/seccomp\/secco, Secco's own in /)
})
