import { join } from 'node:path'
import { test } from 'tap'
import { run } from '../../../cli/main.js'
import { getNodes } from '../../../cli/profiles/get.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { captureIo } from '../../helpers/captured-io.js'
import { nodeView } from '../../../webhook/hub/nodes/node-view.js'

const profile = (name: string, tier: string): SeccompProfile => ({
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
  metadata: { name, namespace: 'shop', labels: { tier } },
  spec: {
    workload: { kind: name === 'db' ? 'Container' : 'Deployment', name, container: 'app' },
    seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [] }
  }
})

test('secco get: what is shown, in which order and form', async (t) => {
  const state = t.testdir()
  const store = await openDirectoryStore(join(state, 'objects'))
  for (const [name, tier] of [
    ['web', 'front'],
    ['api', 'front'],
    ['db', 'back']
  ] as const)
    await store.apply('SeccompProfile', profile(name, tier))
  await store.apply('SeccompRule', {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompRule' },
    metadata: { name: 'all', namespace: 'shop', labels: { team: 'a' } },
    spec: { mode: 'learn' }
  })
  await store.close()
  const get = async (...args: string[]) => {
    const { io, printed } = captureIo()
    const code = await run(['--state', state, 'get', ...args], io)
    return { code, ...printed }
  }
  const names = '{range .items[*]}{.metadata.name}{"\\n"}{end}'
  // [arguments, output]
  const table: [string[], RegExp | string][] = [
    [['profiles', '--no-headers'], /^shop +api .*\nshop +db .*\nshop +web .*\n$/],
    // A label gives what nothing else gives; a container outside Kubernetes has no labels.
    [['profiles', 'web', '-o', 'wide'], /NEW PODS[^]* enforce by label +-\n$/],
    [['profiles', '--builtin', 'base', '-o', 'wide'], /NEW PODS[^]* - +-\n$/],
    [['profiles', 'db', '-o', 'wide'], /NEW PODS[^]* - +-\n$/],
    [['profiles', '-l', 'tier=front', '-o', 'name'], /^\S+\/api\n\S+\/web\n$/],
    [['profiles', '--selector', 'tier!=front', '-o', `jsonpath=${names}`], 'db\n'],
    [['profiles', 'db', '-o', 'jsonpath={.metadata.labels.tier}'], 'back'],
    [['profiles', 'shop/db', '-o', 'jsonpath={.metadata.labels.tier}'], 'back'],
    [
      ['profiles', '--sort-by', '.metadata.labels.tier', '-o', `jsonpath=${names}`],
      'db\napi\nweb\n'
    ],
    [
      ['profiles', '-o', 'custom-columns=WHO:.metadata.name,TIER:.metadata.labels.tier'],
      'WHO   TIER\napi   front\ndb    back\nweb   front\n'
    ],
    [['profiles', '-o', 'custom-columns=WHO:.metadata.name', '--no-headers'], 'api\ndb\nweb\n'],
    [['profiles', '--sort-by', '{.metadata.name}', '-o', 'name'], /^\S+api\n\S+db\n\S+web\n$/],
    [['rules', '--no-headers', '-l', 'team=a'], /^shop +all +learn/],
    [['rules', '-l', 'team=b'], ''],
    [['rules', '--sort-by', '.metadata.name', '-o', 'jsonpath={.items[*].spec.mode}'], 'learn'],
    [['workloads', '-l', 'tier=back', '--no-headers'], /^shop +Container +db +app/],
    [['workloads', '--sort-by', '.name', '-o', 'jsonpath={.items[*].name}'], 'api db web'],
    [['profiles', '-o', 'jsonpath={.items[*].metadata.name}', '-n', 'other'], '']
  ]
  for (const [args, output] of table) {
    const { code, stdout, stderr } = await get(...args)
    t.equal(code, 0, `${args.join(' ')}: ${stderr}`)
    if (typeof output === 'string') t.equal(stdout, output, args.join(' '))
    else t.match(stdout, output, args.join(' '))
  }
  // [arguments, error]
  const wrong: [string[], RegExp][] = [
    [['profiles', '-o', 'jsonpath={.items[?(@.a)]}'], /filters and scripts are not accepted/],
    [['profiles', '-o', 'custom-columns=NAME'], /is no TITLE:PATH/],
    [
      ['profiles', '--sort-by', '.a b'],
      /cannot be read \(INVALID_ARGUMENT\)\n {2}next: write a path/
    ],
    [['profiles', '-l', '=x'], /selector "=x": cannot be parsed/],
    [['nodes', '--no-headers', '--sort-by', '`x`'], /filters and scripts/],
    [['profiles', '-o', 'go-template=x'], /-o go-template=x: not an output format/]
  ]
  for (const [args, error] of wrong) {
    const { code, stdout, stderr } = await get(...args)
    t.same([code, stdout], [1, ''], args.join(' '))
    t.match(stderr, error, args.join(' '))
  }
})

test('secco get profiles: a table leaves out containers that nobody named or approved', async (t) => {
  const state = t.testdir()
  const store = await openDirectoryStore(join(state, 'objects'))
  const [short, long, approved] = ['c0c47dae1f69', 'c0c47dae1f69b418'.repeat(4), 'deadbeefdead']
  const learned = (name: string, seccomp?: SeccompProfile['spec']['seccomp']) => ({
    ...profile(name, 'none'),
    spec: { workload: { kind: 'Container' as const, name }, ...(seccomp && { seccomp }) }
  })
  for (const name of [short, long, 'web', 'cafe'])
    await store.apply('SeccompProfile', learned(name))
  const { seccomp } = profile(approved, 'none').spec
  await store.apply('SeccompProfile', learned(approved, seccomp))
  await store.close()
  const get = async (...args: string[]) => {
    const { io, printed } = captureIo()
    await run(['--state', state, 'get', 'profiles', ...args], io)
    const listed = [short, long, approved, 'web', 'cafe'].filter((name) =>
      new RegExp(`\\b${name}\\b`).test(printed.stdout)
    )
    return { listed: listed.length, note: /.* left out: .*/.exec(printed.stderr)?.[0] ?? '' }
  }
  const note = '  2 containers without a name are left out: -o wide or --all'
  const rows: [args: string[], listed: number, note: string][] = [
    [[], 3, note],
    [['--no-headers'], 3, note],
    [['--all'], 5, ''],
    [['-o', 'wide'], 5, ''],
    [['-o', 'json'], 5, ''],
    [['-o', 'name'], 5, ''],
    [['-o', 'custom-columns=N:.metadata.name'], 5, '']
  ]
  for (const [args, listed, words] of rows)
    t.same(await get(...args), { listed, note: words }, args.join(' '))
  t.same(await get(long), { listed: 1, note: '' }, 'a name that was typed')
})

test('secco get nodes: an away node was recording', (t) => {
  const { io, printed } = captureIo()
  const lastSeen = '2026-01-01T00:00:00Z'
  const status = { hook: 'tp_btf', record: 'always', attached: true }
  const [on, off] = [true, false].map((connected) => ({
    ...nodeView({
      ...{ name: connected ? 'on' : 'off', connected, lastSeen },
      ...{ holding: new Map(), problems: new Map() }
    } as unknown as Parameters<typeof nodeView>[0]),
    ...status
  }))
  if (on === undefined || off === undefined) throw new Error('no node')
  const args = { output: 'table', now: Date.parse(lastSeen) } as Parameters<typeof getNodes>[2]
  getNodes(io, [on, off], args)
  t.match(printed.stdout, /off +Away +was tp_btf/)
  t.match(printed.stdout, /on +Connected +tp_btf/)
  t.match(printed.stdout.split('\n')[0], /^NAME +[A-Z ]+ LAST SEEN [A-Z ]+$/, 'names of columns')
  t.end()
})
