import { type Test, test } from 'tap'
import { nameOf } from '../../../cli/install/install.js'
import { pathOf } from '../../../cli/install/installed-objects.js'
import { installObjects } from '../../../cli/install/objects.js'
import { defaultOptions, type Layout, type Manifest } from '../../../cli/install/options.js'
import { runUninstall } from '../../../cli/install/uninstall.js'
import { run } from '../../../cli/main.js'
import { SeccoError } from '../../../src/lib/errors.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'
import { captureIo } from '../../helpers/captured-io.js'
import { runSecco } from '../../helpers/secco-command.js'

const installed = (layout: Layout): Manifest[] =>
  installObjects({ ...defaultOptions, layout, image: '' })

/** Returns a client of an API server that holds these objects, which have the label of Secco. */
function clusterWith(objects: readonly Manifest[]) {
  const held = new Map(objects.map((one) => [pathOf(one), one]))
  const call: ApiCall = (method, path) => {
    const found = held.get(path)
    if (method === 'DELETE') held.delete(path)
    const items = [...held].filter(([of]) => of.replace(/\/[^/]+$/, '') === path)
    if (found !== undefined) return Promise.resolve(found)
    if (items.length > 0) return Promise.resolve({ items: items.map(([, one]) => one) })
    return Promise.reject(new SeccoError('NOT_FOUND', path))
  }
  return { call, held }
}

const binding = (name: string, role: string, subject: object): Manifest => ({
  ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding' },
  metadata: { name },
  roleRef: { kind: 'ClusterRole', name: role },
  subjects: [subject]
})
const account = { kind: 'ServiceAccount', name: 'secco', namespace: 'secco-system' }

async function leftovers(t: Test, layout: Layout, objects: readonly Manifest[]) {
  const { call, held } = clusterWith(objects)
  const { io, printed } = captureIo()
  await runUninstall(io, call, { leftovers: layout, all: false, dryRun: false })
  t.ok(held.size < objects.length)
  return printed.stdout.trim().split('\n').sort()
}

test('--leftovers removes what the layout that stays does not have, and no bindings of people', async (t) => {
  const [small, ha] = [installed('small'), installed('ha')]
  const people = [
    binding('ann-looks', 'secco-viewer', account),
    binding('ann-edited-once', 'secco-edit', { kind: 'User', name: 'ann' }),
    binding('bot', 'secco-edit', { ...account, namespace: 'default' })
  ]
  const earlier = binding('secco-earlier', 'secco-earlier', account)
  for (const [layout, stays, goes] of [
    ['small', small, ha],
    ['ha', ha, small]
  ] as const) {
    const kept = new Set(stays.map(nameOf))
    const removed = await leftovers(t, layout, [...stays, ...goes, ...people, earlier])
    const expected = [...goes, earlier].map(nameOf).filter((name) => !kept.has(name))
    t.same(removed, expected.map((name) => `delete ${name}`).sort(), layout)
  }
})

test('--leftovers: programs have their rights until their pods have ended', async (t) => {
  const goes = installed('ha')
  const { call, held } = clusterWith([...installed('small'), ...goes])
  const pods = '/api/v1/namespaces/secco-system/pods'
  const isThere = (kind: string): boolean =>
    [...held.values()].some((one) => one['kind'] === kind && nameOf(one).endsWith('/secco-hub'))
  let asked = 0
  const io = captureIo()
  const withPods: ApiCall = (method, path, options) => {
    if (path !== pods) return call(method, path, options)
    asked += 1
    t.notOk(isThere('Deployment'))
    t.ok(isThere('ServiceAccount') && isThere('RoleBinding'))
    const selector = options?.query?.['labelSelector'] ?? ''
    const isHub = selector === 'app.kubernetes.io/instance=secco-hub'
    return Promise.resolve({ items: isHub && asked < 6 ? [{ metadata: { name: 'old' } }] : [] })
  }
  await runUninstall(io.io, withPods, { leftovers: 'small', all: false, dryRun: false })
  t.ok(asked >= 6, 'it waited for the pod')
  t.notOk(isThere('ServiceAccount'))
  t.match(io.printed.stderr, /waiting for the pods of these Deployments to end/)
})

test('pods of programs end within seconds, also those that a ReplicaSet makes meanwhile', async (t) => {
  const apps = '/apis/apps/v1/namespaces/secco-system'
  const pods = '/api/v1/namespaces/secco-system/pods'
  const { call, held } = clusterWith(installed('small'))
  const put = (path: string): void => {
    const name = path.slice(path.lastIndexOf('/') + 1)
    held.set(path, { kind: 'x', metadata: { name, namespace: 'secco-system' } })
  }
  put(`${apps}/replicasets/secco-1`)
  put(`${pods}/secco-a`)
  const deleted: [path: string, body: unknown][] = []
  const ofCluster: ApiCall = async (method, path, options) => {
    const selector = options?.query?.['labelSelector'] ?? ''
    const isOfOthers = path === pods && !String(selector).startsWith('secco.dev/role-central=')
    if (path === '/api/v1/nodes' || isOfOthers) return { items: [] }
    const found = await call(method, path, options)
    if (method !== 'DELETE') return found
    deleted.push([path, options?.body])
    if (path.endsWith('/deployments/secco')) put(`${pods}/secco-b`)
    return found
  }
  const { io, printed } = captureIo()
  await runUninstall(io, ofCluster, { all: false, dryRun: false })
  const owners = { propagationPolicy: 'Orphan' }
  t.strictSame(
    deleted.filter(([path]) => /deployments|replicasets|pods/.test(path)),
    [
      [`${apps}/deployments/secco`, owners],
      [`${apps}/replicasets/secco-1`, owners],
      [`${pods}/secco-a`, { gracePeriodSeconds: 10 }],
      [`${pods}/secco-b`, { gracePeriodSeconds: 10 }]
    ]
  )
  const at = (text: string): number => deleted.findIndex(([path]) => path.includes(text))
  t.ok(at('mutatingwebhookconfigurations') < at('deployments'), 'no review comes any more')
  t.ok(at('/pods/secco-b') < at('clusterroles'), 'they have their rights until then')
  t.match(printed.stdout, /^delete Deployment secco-system\/secco$/m)
})

test('--leftovers of a layout that is not installed removes nothing', async (t) => {
  const table: [given: Layout, objects: Manifest[], hint: RegExp][] = [
    ['small', installed('ha'), /--leftovers ha$/],
    ['ha', installed('small'), /--leftovers small$/],
    [
      'ha',
      installed('ha').filter((one) => nameOf(one) !== 'Deployment secco-system/secco-hub'),
      /leave/
    ],
    ['ha', [], /leave --leftovers out/]
  ]
  for (const [given, objects, hint] of table) {
    const { call, held } = clusterWith(objects)
    const { io, printed } = captureIo()
    await t.rejects(
      runUninstall(io, call, { leftovers: given, all: false, dryRun: false }),
      { code: 'CONFLICT', message: /this layout is not installed/, hint },
      given
    )
    t.equal(held.size, objects.length)
    t.equal(printed.stdout, '')
  }
  const { io, printed } = captureIo()
  t.equal(await run(['uninstall', '--all', '--leftovers', 'small'], io), 1)
  t.match(printed.stderr, /--leftovers: cannot be given with --all \(INVALID_ARGUMENT\)/)
})

test('without a cluster --dry-run says what would be removed, and the rest says what to do', async (t) => {
  const env = { HOME: t.testdir(), KUBECONFIG: '' }
  const machine = /on one machine: stop `secco up`, then run `secco up --clean`\n$/
  const object = /^would delete, where it exists: MutatingWebhookConfiguration secco\n/
  const crd = /^would delete, where it exists: CustomResourceDefinition /m
  for (const [args, code, out] of [
    [['--dry-run'], 0, object],
    [['--dry-run', '--all'], 0, crd],
    [[], 1, /^$/],
    [['--dry-run', '--leftovers', 'ha'], 1, /^$/]
  ] as const) {
    const { code: got, stdout, stderr } = await runSecco(['uninstall', ...args], { env })
    t.equal(got, code, args.join(' '))
    t.match(stdout, out)
    t.match(stderr, machine)
    t.match(stderr, /\/\.kube\/config does not exist/)
    t.equal(crd.test(stdout), args.includes('--all' as never))
  }
  const named = ['uninstall', '--dry-run', '--kubeconfig', '/no/such']
  t.match(await runSecco(named, { env }), { code: 1, stdout: '', stderr: /NOT_FOUND/ })
})
