import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { t, test } from 'tap'
import { probeTracing } from '../../../native/recorder.js'
import { completenessOfTrace, type TraceReport } from '../../../satellite/trace/trace-report.js'
import { parseDuration } from '../../../cli/lib/duration.js'
import { type TraceArgs, traceTable } from '../../../cli/programs/trace.js'
import { traceProfile } from '../../../cli/lib/trace-profile.js'
import { makeBundle, makeRootfs, run } from '../../helpers/runc-bundle.js'
import { runSecco } from '../../helpers/secco-command.js'
import { straceCounts } from '../../helpers/strace.js'

// Real containers and three rounds of strace: longer than tap's 30 s on a busy machine.
t.setTimeout(600_000)
const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')
const build = fileURLToPath(new URL('../../..', import.meta.url))
/** Runs the verb in a process of its own: the command inherits its stdio. */
const runner = `
const { runTrace } = await import(process.argv[1])
const io = { stdout: process.stdout, stderr: process.stderr, isTerminal: false }
try { process.exitCode = await runTrace(JSON.parse(process.argv[2]), io) }
catch (error) { process.stderr.write(error.message + ' (' + error.code + ')'); process.exitCode = 1 }
`

function start(args: TraceArgs): ChildProcess {
  const parameters = [join(build, 'cli/programs/trace.js'), JSON.stringify(args)]
  return spawn(process.execPath, ['--input-type=module', '-e', runner, ...parameters], {
    stdio: ['ignore', 'pipe', 'pipe']
  })
}

async function finish(child: ChildProcess): Promise<{ code: number; out: string; err: string }> {
  const { stdout, stderr } = child
  if (stdout === null || stderr === null) throw new Error('no pipes')
  const [out, err] = await Promise.all([text(stdout), text(stderr), once(child, 'close')])
  return { code: child.exitCode ?? -1, out, err }
}

const trace = (args: TraceArgs) => finish(start(args))

/** The report is the last thing on stdout, after the command's own words. */
function reportIn(out: string): TraceReport {
  return JSON.parse(out.slice(out.lastIndexOf('\n{\n  "container"') + 1)) as TraceReport
}

const namesOf = (report: TraceReport): string[] => Object.keys(report.abis['x86_64'] ?? {})

function allowedIn(profile: string): string[] {
  const { syscalls } = JSON.parse(profile) as { syscalls: { names: string[]; action: string }[] }
  return syscalls.filter(({ action }) => action === 'SCMP_ACT_ALLOW').flatMap(({ names }) => names)
}

/** Resolves when the child has said this on stderr; what it says is also kept by finish(). */
function said(child: ChildProcess, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
      if (seen.includes(words)) resolve()
    })
    child.once('exit', () => reject(new Error(`ended before saying ${words}: ${seen}`)))
  })
}

test('a report as table, as profile, and durations', (t) => {
  const report: TraceReport = {
    container: 'web',
    complete: true,
    lost: 0,
    abis: { x86_64: { read: 3, write: 1, unshare: 1 } },
    denied: [{ syscall: 'unshare', action: 'SCMP_ACT_ERRNO', count: 1 }],
    parts: { session: { x86_64: { kill: 2, read: 1 } } }
  }
  t.equal(
    traceTable(report),
    [
      'SYSCALL  COUNT  SHARE',
      'read         3  60.0%',
      'unshare      1  20.0%',
      'write        1  20.0%',
      'denied: unshare 1 (SCMP_ACT_ERRNO)',
      'session: 2 syscalls (not in the table above): kill read',
      'web: 3 syscalls, 5 calls (1 of them denied), complete, 0 lost',
      ''
    ].join('\n')
  )
  const late = completenessOfTrace({ lost: 0, seen: true, fromStart: false })
  t.match(
    traceTable({ ...report, ...late }),
    /5 calls \(1 of them denied\), not complete \(first seen while it ran\), 0 lost\n$/
  )
  t.match(traceProfile({ ...report, ...late }, '2026-01-01T00:00:00Z').notes, [
    'warning: the trace is not complete (first seen while it ran): the profile may lack calls'
  ])
  for (const [ends, incomplete] of [
    [{ lost: 0, seen: true, fromStart: true }, undefined],
    [{ lost: 2, seen: true, fromStart: true }, 'something was lost'],
    [{ lost: 0, seen: false, fromStart: true }, 'nothing was counted'],
    [
      { lost: 0, seen: true, fromStart: true, remaining: 1 },
      'processes that it left behind still run'
    ],
    [{ lost: 1, seen: true, fromStart: false }, 'something was lost, first seen while it ran']
  ] as const) {
    const complete = incomplete === undefined
    t.same(completenessOfTrace(ends), complete ? { complete } : { complete, incomplete })
  }
  const made = traceProfile(report, '2026-01-01T00:00:00Z')
  t.match(JSON.parse(made.json), { defaultAction: 'SCMP_ACT_ERRNO' })
  t.strictSame(made.notes, [])
  const allowed = allowedIn(made.json)
  t.ok(allowed.includes('read') && allowed.includes('exit_group'))
  t.notOk(allowed.includes('unshare'), 'what a filter denied is not allowed')
  t.equal(parseDuration('30s', '--for'), 30_000)
  t.equal(parseDuration('1.5m', '--for'), 90_000)
  for (const wrong of ['30', '-1s', 's', '', '0s', '99999h']) {
    t.throws(() => parseDuration(wrong, '--quiet'), {
      code: 'INVALID_ARGUMENT',
      message: /^--quiet /
    })
  }
  t.end()
})

test('a traced profile is never weaker than RuntimeDefault, unless the user says so', (t) => {
  const report: TraceReport = {
    container: 'web',
    complete: false,
    lost: 0,
    abis: { x86_64: { read: 3, unshare: 1, mount: 1, clone3: 1, personality: 1 } },
    denied: [],
    parts: {}
  }
  const at = '2026-01-01T00:00:00Z'
  const plain = traceProfile(report, at)
  t.strictSame(
    ['read', 'unshare', 'mount', 'clone3'].filter((name) => allowedIn(plain.json).includes(name)),
    ['read']
  )
  t.match(plain.notes.join('\n'), /mount,unshare[^]*--allow mount,unshare[^]*not complete/)
  const approved = traceProfile(report, at, ['unshare', 'read'])
  t.ok(allowedIn(approved.json).includes('unshare'))
  t.notOk(allowedIn(approved.json).includes('mount'))
  t.match(approved.notes.join('\n'), /denies them[^]*: mount\n[^]*--allow read: not used beyond/)
  t.end()
})

test('a command: nothing missing against strace -f', { skip, timeout: 300_000 }, async (t) => {
  const commands = [
    ['bash', '-c', 'ls -la / | sort | head'],
    ['python3', '-c', "import ssl, json, subprocess; subprocess.run(['true'])"]
  ]
  for (const command of commands) {
    for (let round = 1; round <= 3; round += 1) {
      const expected = await straceCounts(command)
      const { code, out } = await trace({ command, output: 'json' })
      const report = reportIn(`\n${out}`)
      t.equal(code, 0)
      t.equal(report.complete, true)
      t.equal(report.lost, 0)
      const missing = [...expected.keys()].filter((name) => !namesOf(report).includes(name))
      t.strictSame(missing, [], `${command[0] ?? ''}, round ${round}: ${expected.size} names`)
    }
  }
})

test('a command: exit codes, signals, and what cannot be started', { skip }, async (t) => {
  const failed = await trace({ command: ['bash', '-c', 'exit 7'], output: 'json' })
  t.equal(failed.code, 7)
  t.ok(namesOf(reportIn(`\n${failed.out}`)).includes('exit_group'))
  for (const [signal, code] of [
    ['TERM', 143],
    ['KILL', 137],
    ['40', 168]
  ] as const) {
    const { code: got } = await trace({ command: ['bash', '-c', `kill -${signal} $$`] })
    t.equal(got, code, `ended by signal ${signal}`)
  }
  for (const [program, code] of [
    ['/no/such', 127],
    ['no-such-program', 127],
    ['', 127],
    ['/etc/passwd', 126],
    ['/etc', 126]
  ] as const) {
    const result = await runSecco(['trace', '--', program])
    t.equal(result.code, code, `as a shell: ${program}`)
    t.match(
      result.stderr,
      /^error: cannot run '.*': [^\n]* \(COMMAND_NOT_STARTED\)\n {2}next: [^\n]*\n$/
    )
    t.equal(result.stdout, '')
  }
  const stopped = start({ command: ['bash', '-c', 'echo up; exec sleep 60'], output: 'json' })
  const result = finish(stopped)
  if (stopped.stderr !== null) await once(stopped.stderr, 'data')
  stopped.kill('SIGTERM')
  const { code, out, err } = await result
  t.equal(code, 143, 'a signal is passed on and the report still comes')
  t.match(JSON.parse(out), { lost: 0 }, 'stdout is the report alone')
  t.match(err, /^up$/m, "the command's words are on stderr")
  const left = await trace({
    command: ['sh', '-c', 'sleep 60 >/dev/null 2>&1 & echo $!'],
    output: 'json'
  })
  process.kill(Number.parseInt(left.err, 10))
  t.equal(reportIn(left.out).complete, false, 'a process left behind is not traced to its end')
  t.match(left.err, /1 of its processes still runs/)
  const unknown = await trace({ container: 'no-such-container' })
  t.match(unknown, { code: 1, err: /CONTAINER_NOT_FOUND/ })
  t.match(await trace({ container: '' }), { code: 1, err: /INVALID_ARGUMENT/ })
  const misplaced: [TraceArgs, RegExp][] = [
    [{ command: ['true'], for: '1s', wait: true }, /--wait, --for: .*INVALID_ARGUMENT/],
    [{ command: ['true'], allow: ['mount'] }, /--allow: .*INVALID_ARGUMENT/],
    [{ container: 'x', runtime: 'containerd', root: '/no/socket' }, /RUNTIME_UNREACHABLE/]
  ]
  for (const [args, err] of misplaced) t.match(await trace(args), { code: 1, out: '', err })
  t.match(await trace({}), { code: 1, err: /INVALID_ARGUMENT/ })
})

test('signals to secco alone reach the command; its output may go away', {
  skip
}, async (t) => {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1'] as const) {
    const command = ['bash', '-c', `trap 'exit 9' ${signal}; echo up; while :; do sleep 0.02; done`]
    const child = start({ command, output: 'json' })
    const result = finish(child)
    if (child.stderr !== null) await once(child.stderr, 'data')
    child.kill(signal)
    const { code, out } = await result
    t.equal(code, 9, signal)
    t.ok(reportIn(out).complete)
  }
  const script = (words: string) => run('bash', ['-c', words])
  const secco = join(build, '../bin/secco')
  const { stdout, stderr } = await script(
    `unset NODE_OPTIONS; ${secco} trace -- yes | head -1; echo "\${PIPESTATUS[0]}"`
  )
  t.match(stdout, /^y\n(1|141)\n$/, "head's end is no defect")
  t.equal(stderr, '')
  const full = await script(`unset NODE_OPTIONS; ${secco} trace -- true 2>&1 >/dev/full; echo "$?"`)
  t.match(full.stdout, /^error: standard output: ENOSPC[^\n]*\(WRITE_FAILED\)\n {2}next: .*\n1\n$/)
})

test('containers of runc: waited for, two at once, running', {
  skip,
  timeout: 300_000
}, async (t) => {
  const rootfs = await makeRootfs()
  const root = await mkdtemp(join(tmpdir(), 'secco-runc-'))
  t.teardown(async () => {
    await rm(dirname(rootfs), { recursive: true, force: true })
    await rm(root, { recursive: true, force: true })
  })
  const bundleOf = async (...args: string[]): Promise<string> => {
    const bundle = await makeBundle(rootfs, { args: ['/probe', ...args] })
    t.teardown(() => rm(bundle, { recursive: true, force: true }))
    return bundle
  }
  const runc = (...args: string[]) => run('runc', ['--root', root, ...args])
  const id = (name: string) => `${name}-${process.pid}`
  const [a, b, c] = [id('secco-a'), id('secco-b'), id('secco-c')]
  const bundleA = await bundleOf('getpgid')
  const bundleB = await bundleOf('getsid')

  const traces = [a, b].map((container) => start({ container, root, wait: true, output: 'json' }))
  const results = traces.map(finish)
  await Promise.all(traces.map((child) => said(child, 'waiting for')))
  await Promise.all([runc('run', '--bundle', bundleA, a), runc('run', '--bundle', bundleB, b)])
  const [first, second] = (await Promise.all(results)).map(({ out }) => reportIn(`\n${out}`))
  t.match(first, { container: a, complete: true, lost: 0, denied: [] })
  t.match(second, { container: b, complete: true, lost: 0 })
  t.match(first?.abis['x86_64'], { getpgid: 1, exit_group: 1 })
  t.notOk(first?.abis['x86_64']?.['getsid'], 'two at once are not mixed')
  t.match(second?.abis['x86_64'], { getsid: 1 })
  t.notOk(second?.abis['x86_64']?.['getpgid'])

  const bundle = await bundleOf('wait')
  const config = spawn('runc', ['--root', root, 'run', '--bundle', bundle, c], { stdio: 'ignore' })
  const gone = once(config, 'exit')
  while (
    !(await runc('state', c).then(
      ({ stdout }) => stdout.includes('"running"'),
      () => false
    ))
  );
  const running = await trace({ container: c.slice(0, -1), root, for: '1s', output: 'json' })
  t.equal(running.code, 0, running.err)
  const third = reportIn(`\n${running.out}`)
  t.match(third, { container: c, complete: false, incomplete: 'first seen while it ran' })
  t.ok(namesOf(third).includes('pause'), 'a call that is blocked is seen')
  // As of `secco up --runc-root`, which the state folder names.
  const found = await trace({ container: c, runcRoots: [root], for: '1s', output: 'json' })
  t.equal(found.code, 0, found.err)
  const whole = start({ container: c, root, output: 'json' })
  const end = finish(whole)
  await said(whole, 'tracing')
  await runc('kill', c, 'KILL')
  await gone
  t.match(reportIn(`\n${(await end).out}`), { container: c }, 'ends with its container')
  const profile = await trace({ command: ['true'], output: 'profile' })
  const file = join(bundle, 'profile.json')
  await writeFile(file, profile.out)
  t.match(JSON.parse(profile.out), { defaultAction: 'SCMP_ACT_ERRNO' })
})
