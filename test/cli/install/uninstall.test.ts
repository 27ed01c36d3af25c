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

const apps = '/apis/apps/v1/namespaces/secco-system'
const podsPath = '/api/v1/namespaces/secco-system/pods'
const setsPath = `${apps}/replicasets`

interface PodOptions {
  instance?: string
  owner?: { kind: string; name: string } | undefined
}

/** A pod or ReplicaSet of a program; without an owner it is one that nothing else removes. */
const owned = (name: string, { instance = 'secco', owner }: PodOptions = {}): Manifest => ({
  metadata: {
    ...{ name, namespace: 'secco-system' },
    labels: { 'secco.dev/role-central': 'true', 'app.kubernetes.io/instance': instance },
    ...(owner === undefined ? {} : { ownerReferences: [owner] })
  }
})

interface PodRun {
  all?: boolean
  dryRun?: boolean
  timeoutMs?: number
  leftovers?: Layout
}

/**
 * Runs a removal in a cluster with these objects, pods and ReplicaSets.
 * @param intercept answers instead of the cluster: undefined lets it answer
 */
async function removal(
  objects: readonly Manifest[],
  { pods = [], sets = [] }: { pods?: Manifest[]; sets?: Manifest[] },
  { all = false, dryRun = false, timeoutMs = 5000, leftovers: layout }: PodRun = {},
  intercept: (method: string, path: string, held: Map<string, Manifest>) => unknown = () =>
    undefined
) {
  const { call, held } = clusterWith(objects)
  const nameOfOwned = (one: Manifest) => (one['metadata'] as { name: string }).name
  for (const one of pods) held.set(`${podsPath}/${nameOfOwned(one)}`, one)
  for (const one of sets) held.set(`${setsPath}/${nameOfOwned(one)}`, one)
  const deleted: [path: string, body: unknown][] = []
  const ofCluster: ApiCall = async (method, path, options) => {
    const instead = intercept(method, path, held)
    if (instead instanceof Error) throw instead
    if (path === '/api/v1/nodes') return { items: [] }
    const isSatellites = String(options?.query?.['labelSelector'] ?? '').includes('satellite')
    if (path === podsPath && isSatellites) return { items: [] }
    if (method === 'DELETE') deleted.push([path, options?.body])
    if (instead !== undefined) return instead
    return call(method, path, options)
  }
  const { io, printed } = captureIo()
  const given = { all, dryRun, timeoutMs, ...(layout && { leftovers: layout }) }
  const error = await runUninstall(io, ofCluster, given).then(
    () => undefined,
    (thrown: unknown) => thrown as SeccoError
  )
  const left = (part: string) => [...held.keys()].filter((path) => path.includes(part))
  return { held, deleted, printed, error, left, call: ofCluster }
}

const webhooks = { instance: 'secco-webhook' }
const hubs = { instance: 'secco-hub', owner: { kind: 'ReplicaSet', name: 'secco-hub-1' } }
const hasRights = (held: Map<string, Manifest>): boolean =>
  held.has('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/secco-hub')

test('--leftovers: programs have their rights until their pods have ended', async (t) => {
  const both = [...installed('small'), ...installed('ha')]
  let asked = 0
  const end = (method: string, path: string, held: Map<string, Manifest>): unknown => {
    if (method !== 'GET' || path !== podsPath) return undefined
    asked += 1
    t.notOk(held.has(`${apps}/deployments/secco-hub`), 'no Deployment makes another pod')
    t.ok(hasRights(held), 'it has its rights')
    // An API server that is away for a moment is no end.
    if (asked === 3) return new SeccoError('UNAVAILABLE', 'away')
    if (asked === 6) held.delete(`${podsPath}/old`)
    return undefined
  }
  const { held, error, printed } = await removal(
    both,
    { pods: [owned('old', hubs)] },
    { leftovers: 'small' },
    end
  )
  t.equal(error, undefined)
  t.ok(asked >= 6, 'it waited for the pod')
  t.notOk(hasRights(held))
  t.match(printed.stderr, /waiting for 1 pod of these programs to end: 5 s at most/)
})

test('--leftovers: a pod that does not end keeps its rights, however often it is asked', async (t) => {
  const objects = [...installed('small'), ...installed('ha')]
  const first = await removal(
    objects,
    { pods: [owned('old', hubs)] },
    { leftovers: 'small', timeoutMs: 300 }
  )
  const stays = {
    code: 'UNAVAILABLE',
    message: /still there: Pod secco-system\/old/,
    hint: /^run it again/
  }
  t.match(first.error, stays)
  t.ok(hasRights(first.held))
  const rest = [...first.held].filter(([path]) => !path.startsWith(podsPath)).map(([, one]) => one)
  const second = await removal(
    rest,
    { pods: [owned('old', hubs)] },
    { leftovers: 'small', timeoutMs: 300 }
  )
  t.match(second.error, stays, 'its Deployment is gone by now')
  t.ok(hasRights(second.held))
  t.notMatch(second.printed.stderr, /nothing is left/)
})

test('--leftovers: a dry run deletes nothing and waits for nothing', async (t) => {
  const objects = [...installed('small'), ...installed('ha')]
  const pods = [owned('old', hubs), owned('bare', webhooks)]
  const given = { leftovers: 'small' as const, dryRun: true, timeoutMs: 3_600_000 }
  const { error, deleted, printed } = await removal(objects, { pods }, given)
  t.same([error, deleted], [undefined, []])
  t.match(
    printed.stdout,
    /would delete Deployment secco-system\/secco-hub[^]*would delete Pod secco-system\/bare/
  )
})

test('--leftovers: pods that an interrupted removal left without an owner are ended', async (t) => {
  const pods = [owned('bare', webhooks), owned('kept', { instance: 'secco' })]
  const { error, left, deleted, printed } = await removal(
    installed('small'),
    { pods },
    { leftovers: 'small' }
  )
  t.equal(error, undefined)
  t.same(left('/pods/'), [`${podsPath}/kept`], 'those of the layout that stays are not touched')
  t.strictSame(deleted, [[`${podsPath}/bare`, {}]])
  t.notMatch(printed.stderr, /nothing is left/, 'there was something')
})

test('pods of programs end within seconds, also those that a ReplicaSet makes meanwhile', async (t) => {
  const makes = (method: string, path: string, held: Map<string, Manifest>): unknown => {
    if (method === 'DELETE' && path.endsWith('/deployments/secco'))
      held.set(`${podsPath}/secco-b`, owned('secco-b'))
    return undefined
  }
  const sets = [
    owned('secco-1', { owner: { kind: 'Deployment', name: 'secco' } }),
    owned('copied', { owner: { kind: 'Deployment', name: 'ann' } })
  ]
  const pods = [owned('secco-a'), owned('of-ann', { instance: 'ann' })]
  const { error, deleted, printed, left } = await removal(
    installed('small'),
    { pods, sets },
    {},
    makes
  )
  t.equal(error, undefined)
  const owners = { propagationPolicy: 'Orphan' }
  t.strictSame(
    deleted.filter(([path]) => /deployments|replicasets|pods/.test(path)),
    [
      [`${apps}/deployments/secco`, owners],
      [`${setsPath}/secco-1`, owners],
      [`${podsPath}/secco-a`, { gracePeriodSeconds: 10 }],
      [`${podsPath}/secco-b`, { gracePeriodSeconds: 10 }]
    ]
  )
  t.same(
    [...left('/pods/'), ...left('/replicasets/')].sort(),
    [`${podsPath}/of-ann`, `${setsPath}/copied`],
    'somebody else may have copied our labels'
  )
  const at = (text: string): number => deleted.findIndex(([path]) => path.includes(text))
  t.ok(at('mutatingwebhookconfigurations') < at('deployments'), 'no review comes any more')
  t.ok(at('/pods/secco-b') < at('clusterroles'), 'they have their rights until then')
  t.match(printed.stdout, /^delete Deployment secco-system\/secco$/m)
})

test('each layout is ended so, and a dry run deletes nothing and names all of it', async (t) => {
  for (const layout of ['small', 'ha'] as const) {
    const instances = layout === 'small' ? ['secco'] : ['secco-webhook', 'secco-hub']
    const things = () => ({
      pods: instances.map((instance) => owned(`${instance}-a`, { instance })),
      sets: instances.map((instance) =>
        owned(`${instance}-1`, { instance, owner: { kind: 'Deployment', name: instance } })
      )
    })
    const tried = await removal(installed(layout), things(), { dryRun: true })
    t.same([tried.error, tried.deleted], [undefined, []], layout)
    const done = await removal(installed(layout), things())
    const orphaned = done.deleted.filter(
      ([, body]) => (body as { propagationPolicy?: string }).propagationPolicy === 'Orphan'
    )
    t.equal(orphaned.length, 2 * instances.length, `${layout}: Deployments and ReplicaSets`)
    const lines = (text: string) => text.trim().split('\n').sort()
    const would = lines(tried.printed.stdout).map((line) => line.replace(/^would /, ''))
    t.same(
      would,
      lines(done.printed.stdout),
      `${layout}: the dry run names what is deleted, each once`
    )
  }
})

test('what does not end is named, and an interruption says that pods have no owner', async (t) => {
  const stays = (method: string, path: string): unknown =>
    method === 'DELETE' && path.startsWith(podsPath) ? {} : undefined
  const slow = await removal(
    installed('small'),
    { pods: [owned('secco-a')] },
    { timeoutMs: 300 },
    stays
  )
  t.match(slow.error, { message: /still there: Pod secco-system\/secco-a/ })
  const late = (method: string, path: string, held: Map<string, Manifest>): unknown => {
    if (method === 'DELETE' && path === '/api/v1/namespaces/secco-system')
      held.delete(`${podsPath}/secco-a`)
    return stays(method, path)
  }
  const whole = [
    ...installed('small'),
    { ...{ apiVersion: 'v1', kind: 'Namespace' }, metadata: { name: 'secco-system' } }
  ]
  const all = await removal(
    whole,
    { pods: [owned('secco-a')] },
    { all: true, timeoutMs: 300 },
    late
  )
  t.equal(all.error, undefined, 'it ended with the namespace')
  let ended = 0
  const ends = (method: string, path: string, held: Map<string, Manifest>): unknown => {
    if (method === 'DELETE' && path.includes('/clusterroles/'))
      t.notOk(held.has(`${podsPath}/secco-a`))
    if (method === 'DELETE' && path.startsWith(podsPath)) return {}
    if (method === 'GET' && path === podsPath && (ended += 1) === 5)
      held.delete(`${podsPath}/secco-a`)
    return undefined
  }
  const waited = await removal(installed('small'), { pods: [owned('secco-a')] }, {}, ends)
  t.equal(waited.error, undefined, 'it waits before it takes the rights')
  const lost = (method: string, path: string): unknown =>
    method === 'DELETE' && path.startsWith(podsPath)
      ? new SeccoError('UNAVAILABLE', 'lost')
      : undefined
  const broken = await removal(installed('small'), { pods: [owned('secco-a')] }, {}, lost)
  t.match(broken.error, {
    code: 'UNAVAILABLE',
    hint: /^run it again: pods of Secco may be left that no Deployment owns/
  })
})

test('what stays is named, also when the API server is away at the end', async (t) => {
  for (const isAway of [false, true]) {
    let isLast = false
    const stays = (method: string, path: string): unknown => {
      isLast ||= method === 'DELETE' && path.includes('/clusterroles/')
      if (isAway && isLast && path === podsPath) return new SeccoError('UNAVAILABLE', 'away')
      return method === 'DELETE' && path.startsWith(setsPath) ? {} : undefined
    }
    const { error } = await removal(
      installed('small'),
      { pods: [owned('secco-a')], sets: [owned('secco-1')] },
      { timeoutMs: 300 },
      stays
    )
    t.ok(isLast)
    t.match(error, { message: /^still there: ReplicaSet secco-system\/secco-1$/ }, String(isAway))
  }
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
