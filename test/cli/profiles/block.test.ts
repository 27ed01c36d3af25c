import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { probeTracing } from '../../../native/recorder.js'
import { blockCommand } from '../../../cli/profiles/block.js'
import { printBlockImpact } from '../../../cli/profiles/block-impact.js'
import type { Hub } from '../../../cli/hubs/hub.js'
import { run } from '../../../cli/walk-through/run.js'
import { SeccoError } from '../../../src/lib/errors.js'
import type { Store } from '../../../src/store/store.js'
import { crunsCgroups } from '../../helpers/cruns-cgroups.js'
import { captureIo } from '../../helpers/captured-io.js'
import { repositoryRoot } from '../../helpers/repository.js'
import { profileOf } from '../../helpers/renderings.js'
import { runSecco } from '../../helpers/secco-command.js'

const profile = `apiVersion: secco.dev/v1alpha1
kind: SeccompProfile
metadata: {name: web, namespace: shop}
spec:
  seccomp:
    defaultAction: SCMP_ACT_ERRNO
    syscalls: [{names: [bpf, read, socket], action: SCMP_ACT_ALLOW}]
`

test('secco block', { timeout: 600_000 }, async (t) => {
  const state = await mkdtemp(join(tmpdir(), 'secco-block-'))
  t.teardown(() => rm(state, { recursive: true, force: true }))
  const secco = (...args: string[]) => runSecco(args, { env: { SECCO_STATE: state } })
  const file = join(state, 'web.yaml')
  await writeFile(file, profile)
  t.match(await secco('profile', 'apply', '-f', file), { code: 0 })

  const names = (await secco('block', '-o', 'name')).stdout.trim().split('\n')
  t.ok(names.includes('af-alg') && names.includes('io_uring'), 'without a word: the templates')
  for (const spelled of ['af-alg', 'AF_ALG', 'af_alg']) {
    const stdout = /^block socket when arg0 = 38\nblock socketpair when arg0 = 38\n$/
    t.match(await secco('block', spelled, '--dry-run'), { code: 0, stdout }, spelled)
  }
  t.match(await secco('block', 'user_namespaces', '--dry-run'), { code: 0 })
  const dry = await secco('block', 'bpf', '--dry-run')
  t.match(dry, { code: 0, stdout: /^block bpf/m, stderr: /1 approved profile changes: shop\/web/ })
  t.match(dry.stderr, /dry run: nothing was changed/)
  const json = async () =>
    (
      JSON.parse((await secco('block', '-o', 'json')).stdout) as {
        items: { name: string; blocked: boolean }[]
      }
    ).items
  t.notOk(
    (await json()).some(({ blocked }) => blocked),
    'nothing was'
  )

  t.match(await secco('block', 'bpf', '--reason', 'CVE of the day'), {
    code: 0,
    stderr: /^reason: CVE of the day \(.+\)$/m
  })
  t.match(await secco('block', 'socket:domain=AF_ALG'), {
    code: 0,
    stdout: /block socket.*38/,
    stderr:
      /secco-system\/emergency, the profile of all blocks, changed; [^]*running containers stay as they are until they restart/
  })
  t.match(await secco('block', 'bpf', '--reason', 'other'), {
    code: 0,
    stderr:
      /is blocked already, bpf: .*: CVE of the day \(.*, \d{4}-\d\d-\d\d\)\nthe reason was not recorded/
  })
  t.match(
    JSON.parse((await secco('block', 'bpf', '--reason', 'other', '-o', 'json')).stdout),
    { changed: false, reason: /: CVE of the day$/ },
    'the reason that is recorded, where nothing changes'
  )
  t.same(
    (await json()).filter(({ blocked }) => blocked).map(({ name }) => name),
    ['bpf', 'socket:0=38'],
    'a template is in force when all of it is'
  )
  t.match((await secco('block')).stderr, /blocked now: bpf: bpf: .*: CVE of the day \(/)
  t.match((await secco('block')).stdout, /bpf +yes +bpf: .*CVE of the day \(/, 'why, and by whom')
  t.match((await secco('block')).stdout, /socket:0=38 +yes +socket:domain=AF_ALG \(/)
  const shown = await secco('profile', 'show', 'shop/web', '-o', 'json')
  t.match(shown.stdout, /CVE of the day|removed by secco-system\/emergency/)

  const needed = await secco('block', 'execve')
  t.match(needed, { code: 1, stderr: /every container needs execve.*\n {2}next: .*--force/ })
  for (const [what, says] of [
    ['nonsense', /neither a template nor a known syscall/],
    ['socket:domain=AF_NOTHING', /is not a number or a known name/],
    [
      'socket:0=38,1=18446744073709551615',
      /is larger than 9007199254740991 .*\n {2}next: to block -1, .*: socket:0=38,1&0xffffffff\n/
    ],
    ['socket:0=1,0=2', /two conditions on one argument/]
  ] as const) {
    t.match(await secco('block', what), { code: 1, stderr: says }, what)
  }
  const same =
    /not blocked, and in place of umount: umount2\n {2}next: secco --state \S+ block umount\+/
  t.match(await secco('block', 'umount', '--dry-run'), { code: 0, stderr: same })
  t.match(await secco('block', 'umount'), { code: 0, stderr: same })
  t.match(await secco('block'), { stderr: same })
  t.match(await secco('block', 'umount+'), { code: 0, stdout: /^block umount2/m })
  t.notMatch((await secco('block')).stderr, /in place of/)
  t.match(await secco('block', 'umount+', '--remove'), { code: 0, stdout: /^unblock umount2/m })
  t.match(await secco('block', 'bpf', '--remove'), { code: 0, stdout: /^unblock bpf/m })
  t.match(await secco('block', 'bpf', '--remove'), { code: 0, stderr: /is not blocked/ })
})

test('secco block names the profiles that wait for a person', async (t) => {
  const spec = { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' as const } }
  const approval = { by: 'ann', at: '2026-01-01T00:00:00Z', digest: `sha256:${'0'.repeat(64)}` }
  const waiting = profileOf({ ...spec, approval }, { revision: `sha256:${'a'.repeat(64)}` }, 'web')
  const store = {
    get: () => Promise.resolve(undefined),
    list: () => Promise.resolve([waiting])
  } as unknown as Store
  const { io, printed } = captureIo()
  await blockCommand(io, store, {
    ...{ what: 'bpf', remove: false, dryRun: true, force: false, reason: undefined },
    ...{ by: 'ann', at: '2026-01-02T00:00:00Z', impact: () => Promise.resolve(undefined) }
  })
  t.match(
    printed.stderr,
    /no approved profile changes\n1 waiting profile changes in the revision in use: shop\/web/
  )
})

test('secco block WHAT -o json is one object, with who uses it', async (t) => {
  const store = {
    get: () => Promise.resolve(undefined),
    list: () => Promise.resolve([])
  } as unknown as Store
  const idle = {
    ...{ namespace: 'shop', workload: 'CronJob/report', containers: 0, calls: 0, running: false },
    ...{ syscalls: ['umount'], certain: true, lastUsed: '', firstUsed: '' },
    when: 'not running now; used it in an earlier run'
  }
  const radius = {
    ...{
      considered: 0,
      knownSince: '',
      without: 0,
      missingNodes: 0,
      hit: 0,
      denied: [],
      still: []
    },
    ...{ ms: 1, syscalls: [], workloads: [idle], containers: [], earlier: 1, unread: 0 }
  }
  const answer = { users: radius, restart: [], unreached: [], total: 0, missingNodes: 0 }
  const hub = { ask: () => Promise.resolve(answer) } as unknown as Hub
  for (const output of ['json', 'table'] as const) {
    const { io, printed } = captureIo()
    const question = { what: 'umount', isDryRun: true, isObject: output === 'json' }
    await blockCommand(io, store, {
      ...{ what: 'umount', remove: false, dryRun: true, force: false, reason: undefined, output },
      ...{ by: 'ann', at: '2026-01-02T00:00:00Z' },
      impact: () => printBlockImpact(io, () => Promise.resolve(hub), question)
    })
    if (output === 'table') {
      t.match(
        printed.stdout,
        /CronJob\/report +0 +0 +umount +not running now; used it in an earlier/
      )
      t.match(printed.stderr, /No running container is affected\.\n1 workload is listed because of/)
      continue
    }
    const found = JSON.parse(printed.stdout) as Record<string, unknown>
    t.match(found, {
      what: 'umount',
      dryRun: true,
      changed: false,
      profiles: [],
      rules: ['umount']
    })
    t.match(found, { users: radius, equivalents: [{ name: 'umount', others: ['umount2'] }] })
  }
})

test('secco block WHAT -o json is printed after the write, and not where it fails', async (t) => {
  const steps: string[] = []
  const storeThat = (write: () => Promise<unknown>) =>
    ({
      get: () => Promise.resolve(undefined),
      list: () => Promise.resolve([]),
      apply: () => Promise.resolve(),
      update: () => write()
    }) as unknown as Store
  for (const [what, error] of [
    ['written', undefined],
    ['denied', new SeccoError('FORBIDDEN', 'no', { hint: 'ask' })]
  ] as const) {
    const { io, printed } = captureIo()
    const write = () => {
      steps.push('write')
      t.equal(printed.stdout, '', `${what}: nothing is said before the write`)
      return error === undefined ? Promise.resolve() : Promise.reject(error)
    }
    const impact = () => {
      steps.push('impact')
      return Promise.resolve({ total: 0 })
    }
    const done = blockCommand(io, storeThat(write), {
      ...{ what: 'umount', remove: false, dryRun: false, force: false, reason: undefined },
      ...{ by: 'ann', at: '2026-01-02T00:00:00Z', output: 'json', impact }
    })
    if (error === undefined) t.equal(await done, 0)
    else await t.rejects(done, error)
    if (error === undefined) t.match(JSON.parse(printed.stdout), { changed: true, total: 0 })
    else t.equal(printed.stdout, '', 'a script reads no object')
  }
  t.same(steps, ['impact', 'write', 'impact', 'write'], 'who uses it is asked before')
})

test('secco block asks a person at a terminal once, after it is said whom it hits', async (t) => {
  const none = { dryRun: false, remove: false, isAsked: true }
  const users = (count: number) => ({
    users: { workloads: Array.from({ length: count }, () => ({})) }
  })
  const all = /^Block in 2 workloads\? \[y\/N\] $/
  // [what, arguments, who uses it, the answer, the question, whether it is written, the exit code]
  type Row = [
    string,
    Partial<typeof none> & { output?: 'json' },
    object | undefined,
    boolean,
    RegExp | undefined,
    boolean,
    number
  ]
  const table: Row[] = [
    ['yes', {}, users(2), true, all, true, 0],
    ['no', {}, users(2), false, all, false, 1],
    ['nobody uses it', {}, users(0), true, /^Block: no workload is known to use it\? /, true, 0],
    ['no hub', {}, undefined, false, /^Block, though it is not known who uses it\? /, false, 1],
    ['a script', { isAsked: false }, users(2), false, undefined, true, 0],
    ['for programs', { output: 'json' }, users(2), false, undefined, true, 0],
    ['a dry run', { dryRun: true }, users(2), false, undefined, false, 0],
    ['nothing to lift', { remove: true }, users(2), false, undefined, false, 0]
  ]
  for (const [what, over, impact, answer, question, isWritten, code] of table) {
    const { isAsked, ...args } = { ...none, ...over }
    const { io, printed } = captureIo()
    const steps: string[] = []
    const store = {
      get: () => Promise.resolve(undefined),
      list: () => Promise.resolve([]),
      apply: () => Promise.resolve(),
      update: () => Promise.resolve(steps.push('write'))
    } as unknown as Store
    const ask = (text: string) => {
      steps.push(text)
      return Promise.resolve(answer)
    }
    const done = await blockCommand(io, store, {
      ...{ what: 'umount', force: false, reason: undefined, by: 'ann', at: '2026-01-02T00:00:00Z' },
      ...args,
      ...(isAsked ? { ask } : {}),
      impact: () => {
        steps.push('impact')
        return Promise.resolve(impact)
      }
    })
    t.equal(done, code, what)
    const [asked] = steps.filter((step) => step.startsWith('Block'))
    if (question === undefined) t.equal(asked, undefined, what)
    else t.match(asked, question, what)
    const order = steps.filter((step) => !step.startsWith('Block'))
    t.same(order, [...(args.remove ? [] : ['impact']), ...(isWritten ? ['write'] : [])], what)
    if (code === 1) t.match(printed.stderr, /nothing was changed\n$/)
  }
})

test('secco block asks at a real terminal, and not with --yes', { timeout: 600_000 }, async (t) => {
  const state = await mkdtemp(join(tmpdir(), 'secco-block-asks-'))
  t.teardown(() => rm(state, { recursive: true, force: true }))
  const env = { SECCO_STATE: state }
  const isBlocked = async () => /blocked now: bpf/.test((await runSecco(['block'], { env })).stderr)
  const program = `${process.execPath} ${join(repositoryRoot, 'bin/secco')} block`
  // script(1) of util-linux, which every Debian has, makes a terminal.
  const typing = (input: string, words: string) =>
    new Promise<{ code: number; text: string }>((resolve, reject) => {
      const child = spawn(
        '/usr/bin/env',
        ['-u', 'NODE_OPTIONS', 'script', '-qec', `${program} ${words}`, '/dev/null'],
        { env: { ...process.env, NO_COLOR: '1', ...env } }
      )
      let text = ''
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        if (/\[y\/N\] $/.test(text) && child.stdin.writable) child.stdin.end(input)
      })
      child.once('error', reject)
      child.once('close', (code) => {
        child.stdin.end()
        resolve({ code: code ?? -1, text })
      })
    })
  // [what is typed, options, whether it asks, whether it is blocked then, exit code]
  const table: [string, string, boolean, boolean, number][] = [
    ['n\n', 'bpf', true, false, 1],
    ['\n', 'bpf', true, false, 1],
    ['', 'bpf --dry-run', false, false, 0],
    ['y\n', 'bpf', true, true, 0],
    ['', 'bpf --remove', false, false, 0],
    ['', 'bpf --yes', false, true, 0]
  ]
  for (const [input, words, isAsked, isDone, code] of table) {
    const { text, code: found } = await typing(input, words)
    const what = `${JSON.stringify(input)} ${words}: ${text}`
    t.equal(text.includes('? [y/N] '), isAsked, what)
    t.equal(found, code, what)
    t.equal(await isBlocked(), isDone, what)
  }
})

test('secco base', { timeout: 600_000 }, async (t) => {
  const shown = await runSecco(['base', 'show', '--runtime', 'runc@1.1.5', '-o', 'json'])
  const rows = JSON.parse(shown.stdout) as { name: string; reason: string; source: string }[]
  t.ok(rows.some(({ name }) => name === 'execve') && !rows.some(({ name }) => name === 'statx'))
  t.ok(rows.every(({ reason, source }) => reason !== '' && source !== ''))
  t.match(await runSecco(['base', 'show']), { code: 0, stdout: /SYSCALL +FOR +REASON +SOURCE/ })
  for (const [args, says] of [
    [['show', '--runtime', 'lxc'], /there is no data for it.*\n {2}next: choose one of/],
    [['show', '--runtime', '../x'], /is not NAME or NAME@VERSION/],
    [['measure', '--runtime', 'runc', '--runs', '0'], /must be a number from 1 to 1000/],
    [['measure', '--runtime', 'runc', '--binary', '/no/such/runc'], /cannot be run/],
    [['measure', '--runtime', 'crun', '--binary', '/bin/true'], /does not report crun/]
  ] as const) {
    t.match(await runSecco(['base', ...args]), { code: 1, stderr: says }, args.join(' '))
  }
})

const tracing = probeTracing()
// bin/setup installs crun only where apt has it.
for (const [runtime, flags] of [
  ['runc', []],
  ['crun', ['--flag=--cgroup-manager=disabled']]
] as const) {
  const there = await run(runtime, ['--version']).then(
    ({ code }) => code === 0,
    () => false
  )
  const reason = tracing.available ? false : (tracing.reason ?? 'no tracing')
  const skip = there ? reason : `${runtime} is not installed`
  test(`secco base measure: ${runtime}`, { skip, timeout: 600_000 }, async (t) => {
    const args = ['base', 'measure', '--runtime', runtime, '--runs', '1', '-o', 'json', ...flags]
    const done = await runSecco(args, { within: crunsCgroups })
    const measured = JSON.parse(done.stdout) as { starts: number; missing: string[] }
    t.match(done, { code: 0, stderr: /all shipped/ }, done.stderr)
    t.same([measured.starts, measured.missing], [8, []])
  })
}
