import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type Test } from 'tap'
import { parse } from 'yaml'
import { apiVersion } from '../../../src/api/names.js'
import type { LinuxSeccomp, SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { approvedDigest } from '../../../src/seccomp/policy/approval.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { hubWith } from '../../helpers/hub-answers.js'
import { runHere } from '../../helpers/webhook-program.js'

const approved: LinuxSeccomp = {
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [{ names: ['read', 'write'], action: 'SCMP_ACT_ALLOW' }]
}

function profileOf(namespace: string, name: string, more: Partial<SeccompProfile> = {}) {
  return {
    ...{ apiVersion, kind: 'SeccompProfile', metadata: { namespace, name } },
    spec: { workload: { kind: 'Deployment', name } },
    ...more
  } as const satisfies SeccompProfile
}

/** A state folder: one profile that learned a socket call by its values, one that is approved, one elsewhere. */
async function stateOf(t: Test): Promise<string> {
  const state = t.testdir({ objects: {} })
  const store = await openDirectoryStore(join(state, 'objects'))
  const learned = profileOf('default', 'learned', {
    status: {
      observed: { x86_64: ['read', 'socket', 'write'] },
      arguments: [{ abi: 'x86_64', name: 'socket', index: 0, values: ['1', '2'] }],
      lastNew: '2026-01-01T00:00:00.000Z',
      instances: [
        {
          ...{ id: 'n1/boot/1.2.3', node: 'n1', complete: true, ended: false },
          lastSeen: '2026-01-01T00:00:00.000Z'
        }
      ]
    }
  })
  const web = profileOf('default', 'web', { spec: { seccomp: approved } })
  for (const one of [learned, web, profileOf('shop', 'cart')])
    await store.apply('SeccompProfile', one)
  await store.update('SeccompProfile', { namespace: 'default', name: 'learned' }, (one) => ({
    ...one,
    status: learned.status ?? {}
  }))
  await store.close()
  return state
}

const namesOf = (text: string): string[] =>
  (JSON.parse(text) as { items: { metadata: { namespace?: string; name: string } }[] }).items
    .map(({ metadata: { namespace = '', name } }) => `${namespace}/${name}`)
    .sort()

test('what lists show', async (t) => {
  const state = await stateOf(t)
  const list = async (...args: string[]) => {
    const outcome = await runHere(['get', ...args, '-o', 'json', '--state', state])
    t.equal(outcome.code, 0, outcome.stderr)
    return outcome.stdout
  }
  const all = ['default/learned', 'default/web', 'shop/cart']
  t.strictSame(namesOf(await list('profiles')), all)
  t.strictSame(namesOf(await list('profiles', '-n', 'shop', '--all-namespaces')), all)
  t.strictSame(namesOf(await list('profiles', '-n', 'shop')), ['shop/cart'])
  const nodes = await runHere(['get', 'nodes', '-n', 'shop', '--state', state])
  t.match(nodes, {
    code: 1,
    stderr: /--namespace: nodes belong to no namespace \(INVALID_ARGUMENT\)/
  })
  const builtin = namesOf(await list('profiles', '--builtin'))
  t.ok(builtin.length > 3, 'the profiles that ship with Secco')
  t.strictSame(
    builtin.filter((name) => all.includes(name)),
    []
  )
  const workloads = async (...args: string[]) =>
    (JSON.parse(await list('workloads', ...args)) as { items: { name: string }[] }).items
      .map(({ name }) => name)
      .sort()
  t.strictSame(await workloads('--namespace', 'shop'), ['cart'])
  t.strictSame(await workloads('--namespace', 'shop', '--all-namespaces'), ['cart', 'learned'])
})

test('profile approve --arguments approves a call by the values that were observed', async (t) => {
  const approved = async (...options: string[]) => {
    const at = ['learned', '--state', await stateOf(t)]
    const outcome = await runHere(['profile', 'approve', ...at, '--reason', 'seen', ...options])
    t.equal(outcome.code, 0, outcome.stderr)
    const { stdout } = await runHere(['profile', 'show', ...at, '-o', 'json'])
    const { syscalls = [] } = (JSON.parse(stdout) as SeccompProfile).spec.seccomp ?? {}
    return syscalls
      .filter(({ names }) => names.includes('socket'))
      .map(({ args = [] }) => args.map(({ index, value, op }) => [index, value, op]))
  }
  t.strictSame(await approved(), [[]], 'whatever the values')
  t.strictSame(await approved('--arguments', 'socket'), [
    [[0, 1, 'SCMP_CMP_EQ']],
    [[0, 2, 'SCMP_CMP_EQ']]
  ])
})

test('--mode of export and render', async (t) => {
  const state = await stateOf(t)
  const file = join(state, 'web.yaml')
  await writeFile(
    file,
    JSON.stringify(profileOf('default', 'web', { spec: { seccomp: approved } }))
  )
  /** What happens to a call that RuntimeDefault allows and the profile does not. */
  const actionOf = async (...args: string[]): Promise<string> => {
    const outcome = await runHere([...args, '--state', state])
    t.equal(outcome.code, 0, outcome.stderr)
    const { syscalls = [], defaultAction } = JSON.parse(outcome.stdout) as LinuxSeccomp
    return syscalls.find(({ names }) => names.includes('getsid'))?.action ?? defaultAction
  }
  const exported = ['profile', 'export', 'web']
  t.equal(await actionOf(...exported), 'SCMP_ACT_ERRNO')
  t.equal(await actionOf(...exported, '--mode', 'enforce'), 'SCMP_ACT_ERRNO')
  t.equal(await actionOf(...exported, '--mode', 'audit'), 'SCMP_ACT_LOG')
  t.equal(await actionOf('render', '-f', file), 'SCMP_ACT_ERRNO')
  t.equal(await actionOf('render', '-f', file, '--mode', 'audit'), 'SCMP_ACT_LOG')
})

test('the gate of a pipeline: learn', async (t) => {
  const state = await stateOf(t)
  const baseline = join(state, 'baseline.json')
  const { access } = await hubWith(t, 'hub', {
    '/api/v1/nodes': { items: [] },
    '/api/v1/denials': { items: [] }
  })
  const addresses = { pid: process.pid, ui: access.ui, webhook: '', hub: '', caBundle: '' }
  await writeFile(join(state, 'addresses.json'), JSON.stringify(addresses))
  const learn = async (...args: string[]) => {
    const outcome = await runHere(['learn', 'learned', ...args, '--state', state])
    return [outcome.code, outcome.stdout + outcome.stderr] as const
  }
  // [what, options, names of the baseline, exit code, output]
  const table: [string, string[], string[], number, RegExp][] = [
    ['only shows', ['--fail-on-new', baseline], ['read', 'socket', 'write'], 0, /3 syscalls/],
    ['something new', ['--fail-on-new', baseline], ['read', 'write'], 4, /\+ socket/],
    ['nothing is required but time', ['--until-confident', '--require', 'quiet'], [], 0, /quiet/],
    ['an instance is required', ['--until-confident', '--require', 'instances'], [], 3, /instances/]
  ]
  for (const [what, options, names, code, output] of table) {
    await writeFile(baseline, JSON.stringify({ observed: { x86_64: names } }))
    const [found, text] = await learn(...options, '--quiet', '1s', '--timeout', '3s')
    t.equal(found, code, `${what}: ${text}`)
    t.match(text, output, what)
  }
})

test('the gate of a pipeline: wrong words are told from a hub that does not run, before anything runs', async (t) => {
  const state = await stateOf(t)
  const ran = join(state, 'ran')
  const baseline = join(state, 'baseline.json')
  const list = join(state, 'list.json')
  await writeFile(baseline, '{"x86_64": ["read"]}')
  await writeFile(list, '[1')
  const command = ['--', 'touch', ran]
  // [what, words before the command, exit code, code of the error]
  const table: [string, string[], number, RegExp][] = [
    ['a name that no object can have', ['TYPO', '--fail-on-new', baseline], 2, /INVALID_NAME/],
    ['a namespace that none can have', ['SHOP/web'], 2, /INVALID_NAME/],
    ['no baseline', ['web', '--fail-on-new', '/absent.json'], 2, /absent/],
    ['a baseline that is none', ['web', '--fail-on-new', list], 2, /INVALID_DOCUMENT/],
    ['no evidence', ['web', '--require', 'strat'], 2, /INVALID_ARGUMENT/],
    ['no duration', ['web', '--quiet', 'long'], 2, /INVALID_ARGUMENT/],
    ['no option', ['web', '--quite', '1s'], 2, /INVALID_ARGUMENT/],
    ['two workloads', ['web', 'db'], 2, /INVALID_ARGUMENT/],
    ['no hub', ['web', '--fail-on-new', baseline], 1, /UNAVAILABLE/]
  ]
  for (const [what, words, code, says] of table) {
    const outcome = await runHere(['learn', '--state', state, ...words, ...command])
    t.match(outcome, { code, stderr: says }, what)
  }
  t.notOk(existsSync(ran), 'the command never ran')
})

interface Manifest {
  kind: string
  metadata: { name: string }
}

test('what install puts into the manifests', async (t) => {
  const install = async (...args: string[]): Promise<string> => {
    const outcome = await runHere(['install', ...args])
    t.equal(outcome.code, 0, outcome.stderr)
    return outcome.stdout
  }
  const kinds = (text: string): string[] => [
    ...new Set(text.split(/^---$/m).map((one) => (parse(one) as Manifest | null)?.kind ?? ''))
  ]
  const plain = await install()
  // [options, what only then is there, what only without it is there]
  const table: [string[], RegExp, RegExp | undefined][] = [
    [['--tls', 'cert-manager'], /kind: Certificate\n/, /--tls-secret/],
    [['--read-filters'], /SYS_ADMIN/, undefined],
    [['--allow-ignore'], /--allow-ignore(=|\n\s+- )"?on/, undefined],
    [['--final-state', 'deny'], /kind: /, /- Warn\n\s+- Audit\n/],
    [['--own-profiles', 'off'], /kind: /, /secco\/_own\//]
  ]
  t.ok(kinds(plain).includes('DaemonSet'))
  for (const [options, added, gone] of table) {
    const text = await install(...options)
    const words = options.join(' ')
    t.not(text, plain, `${words} changes something`)
    t.match(text, added, words)
    if (added.source !== 'kind: ') t.notMatch(plain, added, `without ${words}`)
    if (gone === undefined) continue
    t.match(plain, gone, `without ${words}`)
    t.notMatch(text, gone, words)
  }
})

test('a document for a tool that applies it: approved in its name, without what other tools left', async (t) => {
  const state = await stateOf(t)
  const store = await openDirectoryStore(join(state, 'objects'))
  const at = '2026-11-20T09:00:00.000Z'
  await store.update('SeccompProfile', { namespace: 'default', name: 'web' }, (one) => ({
    ...one,
    metadata: {
      ...one.metadata,
      labels: { app: 'web', 'kustomize.toolkit.fluxcd.io/name': 'shop' },
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' }
    },
    status: {
      approvals: [
        { by: 'olga', at, reason: 'seen', revision: '', digest: approvedDigest(one.spec) }
      ]
    }
  }))
  const rule = {
    apiVersion,
    kind: 'SeccompRule',
    metadata: { namespace: 'default', name: 'r' }
  } as const
  await store.apply('SeccompRule', { ...rule, spec: { mode: 'learn' } })
  await store.close()
  const run = (...args: string[]) => runHere([...args, '--state', state])
  const { code, stdout, stderr } = await run(
    ...['profile', 'export', 'web', '-o', 'yaml', '--approved-by', 'flux']
  )
  t.equal(code, 0, stderr)
  const document = parse(stdout) as SeccompProfile
  t.strictSame(document.metadata, { name: 'web', namespace: 'default', labels: { app: 'web' } })
  const digest = approvedDigest({ seccomp: approved })
  const reason = 'seen (approved by olga)'
  t.strictSame(document.spec, {
    ...{ seccomp: approved, extends: [], approval: { digest, by: 'flux', at, reason } }
  })
  t.match(await run('profile', 'export', 'web', '--approved-by', 'flux'), {
    ...{ code: 1, stderr: /--approved-by needs -o yaml \(INVALID_ARGUMENT\)/ }
  })
  const plain = await run(
    'profile',
    'export',
    'cart',
    '-n',
    'shop',
    '-o',
    'yaml',
    '--approved-by',
    'flux'
  )
  t.notMatch(plain.stdout, /approval/, 'nothing is approved in a profile without content')
  const ruled = await run('rule', 'export', 'r', '-n', 'default', '--output', 'yaml')
  t.strictSame(parse(ruled.stdout), { ...rule, spec: { mode: 'learn' } })
})
