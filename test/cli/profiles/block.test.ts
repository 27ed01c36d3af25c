import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { probeTracing } from '../../../native/recorder.js'
import { run } from '../../../cli/walk-through/run.js'
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

  t.match(await secco('block', 'bpf', '--reason', 'CVE of the day'), { code: 0 })
  t.match(await secco('block', 'socket:domain=AF_ALG'), {
    code: 0,
    stdout: /block socket.*38/,
    stderr: /running containers keep their filter until they restart/
  })
  t.match(await secco('block', 'bpf'), { code: 0, stderr: /is blocked already/ })
  t.same(
    (await json()).filter(({ blocked }) => blocked).map(({ name }) => name),
    ['bpf', 'socket:0=38'],
    'a template is in force when all of it is'
  )
  t.match((await secco('block')).stderr, /blocked now: .*bpf/)
  const shown = await secco('profile', 'show', 'shop/web', '-o', 'json')
  t.match(shown.stdout, /CVE of the day|removed by secco-system\/emergency/)

  const needed = await secco('block', 'execve')
  t.match(needed, { code: 1, stderr: /every container needs execve.*\n {2}next: .*--force/ })
  for (const [what, says] of [
    ['nonsense', /neither a template nor a known syscall/],
    ['socket:domain=AF_NOTHING', /is not a number or a known name/],
    ['socket:0=1,0=2', /two conditions on one argument/]
  ] as const) {
    t.match(await secco('block', what), { code: 1, stderr: says }, what)
  }
  t.match(await secco('block', 'bpf', '--remove'), { code: 0, stdout: /^unblock bpf/m })
  t.match(await secco('block', 'bpf', '--remove'), { code: 0, stderr: /is not blocked/ })
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
// bin/setup installs runc and not crun: there the second round is not run.
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
    const done = await runSecco(args)
    // crun 1.8 starts nothing where cgroups of both versions are mounted side by side.
    const hybrid = /cgroups in hybrid mode not supported/.exec(done.stderr)?.[0]
    if (hybrid !== undefined) return void t.skip(hybrid, () => undefined)
    const measured = JSON.parse(done.stdout) as { starts: number; missing: string[] }
    t.match(done, { code: 0, stderr: /all shipped/ }, done.stderr)
    t.same([measured.starts, measured.missing], [8, []])
  })
}
