import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type Test } from 'tap'
import { repositoryRoot } from '../helpers/repository.js'

interface Wanted {
  kind: 'gate' | 'all' | 'affected' | 'chosen' | 'stability'
  named: string[]
  others: string[]
  since?: string
  rounds?: number
}
interface Tally {
  passed: number
  failed: number
  skipped: number
}
type Event = { kind: 'failed' | 'file'; name: string; details: string[] }
interface Handlers {
  report: (event: Event, path: string) => void
  onFile: (path: string, tally: Tally) => void
}
interface Unstable {
  file: string
  commit?: string
  passed?: string
  failed?: string
  suspicion?: string
}

const load = async <T>(name: string) => (await import(join(repositoryRoot, 'bin', name))) as T
const { gate, tierOf } = await load<{
  gate: readonly string[]
  tierOf: (path: string) => string | undefined
}>('test-tiers.mjs')
const { readArguments, selectTests } = await load<{
  readArguments: (args: readonly string[]) => Wanted
  selectTests: (wanted: Wanted, all: readonly string[], leftOut?: readonly string[]) => string[]
}>('select-tests.mjs')
const { faultsOf, readUnstable } = await load<{
  faultsOf: (rows: readonly Unstable[], attacks: string) => string[]
  readUnstable: (text: string) => Unstable[]
}>('unstable.mjs')
const { maxUnstable, runWithSecondChance } = await load<{
  maxUnstable: number
  runWithSecondChance: (run: {
    runAll: (handlers: Handlers) => Promise<void>
    runAgain: (paths: readonly string[], handlers: Handlers) => Promise<void>
    sink: {
      report: (event: Event) => void
      onFile: (path: string, tally: Tally) => void
      heldBack: (event: Event) => void
      onUnstable: (source: string, first: Event) => void
      onFailed: (failures: readonly Event[]) => void
    }
  }) => Promise<void>
}>('second-chance.mjs')
const { changedSince, compiledOf, startedByTests, verbFiles } = await load<{
  changedSince: (commit?: string) => { commit: string; files: string[] }
  compiledOf: (paths: readonly string[], compiled: readonly string[]) => string[]
  startedByTests: (
    verbs: ReadonlyMap<string, string>
  ) => (path: string, text: string) => readonly string[]
  verbFiles: (table: string) => Map<string, string>
}>('affected.mjs')

const tests = readdirSync(join(repositoryRoot, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `test/${name}`)

test('the smoke tier has at most eight files, and the gate nothing later', (t) => {
  const smoke = tests.filter((path) => tierOf(path) === 'smoke')
  t.ok(smoke.length > 0 && smoke.length <= 8, smoke.join('\n'))
  t.same(gate, ['unit', 'integration', 'smoke'])
  t.end()
})

test('which files a run has', (t) => {
  const [unit, own, smoke, e2e] = [
    ...['build/test/src/lib/pace.test.js', 'build/test/house/gate.test.js'],
    ...['build/test/e2e/loop.test.js', 'build/test/e2e/kubernetes.test.js']
  ] as [string, string, string, string]
  const all = [unit, own, smoke, e2e]
  const rows: [args: string[], wanted: Partial<Wanted>, files: string[]][] = [
    [[], { kind: 'gate' }, [unit, own, smoke]],
    [['all'], { kind: 'all' }, all],
    [['all', 'loop'], { kind: 'chosen', others: ['loop'] }, [smoke]],
    [['unit', 'smoke'], { kind: 'chosen', named: ['unit', 'smoke'] }, [unit, smoke]],
    [['e2e'], { kind: 'chosen', named: ['e2e'] }, [e2e]],
    [['e2e', 'loop'], { kind: 'chosen', named: ['e2e'], others: ['loop'] }, []],
    [['kubernetes'], { kind: 'chosen', others: ['kubernetes'] }, [e2e]],
    [['nightly'], { kind: 'chosen', named: ['nightly'] }, all],
    [['stability'], { kind: 'stability', rounds: 20 }, [unit, own, smoke]],
    [['stability', '--rounds', '3', 'kubernetes'], { rounds: 3, others: ['kubernetes'] }, [e2e]],
    [['stability', 'e2e'], { kind: 'stability', named: ['e2e'] }, [e2e]]
  ]
  for (const [args, wanted, files] of rows) {
    const read = readArguments(args)
    t.match(read, wanted, `npm test -- ${args.join(' ')}`)
    t.same(selectTests(read, all), files, `npm test -- ${args.join(' ')}`)
  }
  t.match(readArguments(['affected', 'HEAD~2']), { kind: 'affected', since: 'HEAD~2' })
  for (const args of [['--help'], ['-h'], ['unit', '--help'], ['stability', '--help']])
    t.match(readArguments(args), { kind: 'help' }, args.join(' '))
  t.throws(() => readArguments(['--verbose']), { message: /--verbose: no option of npm test/ })
  t.throws(() => readArguments(['stability', '--rounds', '0']), { message: /--rounds 0: give/ })
  const leftOut = ['test/e2e/loop.test.ts']
  t.same(selectTests(readArguments([]), all, leftOut), [unit, own], 'red by chance')
  t.same(selectTests(readArguments(['all']), all, leftOut), all, 'and run where everything runs')
  t.end()
})

/** What a try of a made-up file gives: p passes, s skips a part, f fails, c fails with a counterexample. */
const endings: Record<string, Tally> = {
  p: { passed: 2, failed: 0, skipped: 0 },
  s: { passed: 1, failed: 0, skipped: 1 },
  f: { passed: 1, failed: 1, skipped: 0 },
  c: { passed: 1, failed: 1, skipped: 0 }
}

/** Runs files that end as `tries` says, one letter for each try; returns what counted. */
async function runTries(tries: Readonly<Record<string, string>>) {
  const again: string[] = []
  const seen = { failed: [] as string[], unstable: [] as string[], shown: 0, passed: 0, reds: 0 }
  const runTry = (path: string, index: number, { report, onFile }: Handlers) => {
    const ending = tries[path]?.[index] ?? ''
    const name = `build/test/${path}`
    const details = [ending === 'c' ? 'Property failed after 3 tests' : 'why']
    const tally = endings[ending] ?? { passed: 0, failed: 0, skipped: 0 }
    if (tally.failed > 0) report({ kind: 'failed', name: `${name} > a`, details }, name)
    report({ kind: 'file', name, details: [] }, name)
    onFile(name, tally)
  }
  await runWithSecondChance({
    runAll: (handlers) => {
      for (const path of Object.keys(tries)) runTry(path, 0, handlers)
      return Promise.resolve()
    },
    runAgain: (paths, handlers) => {
      for (const path of paths.map((name) => name.replace('build/test/', ''))) {
        again.push(path)
        runTry(path, 1, handlers)
      }
      return Promise.resolve()
    },
    sink: {
      report: ({ kind, name }) => kind === 'failed' && seen.failed.push(name),
      onFile: (_path, { passed, failed }) => {
        seen.passed += passed
        seen.reds += failed
      },
      heldBack: ({ kind }) => (seen.shown += kind === 'failed' ? 1 : 0),
      onFailed: (failures) => seen.failed.push(...failures.map(({ name }) => name)),
      onUnstable: (source, { name }) => seen.unstable.push(`${source}: ${name}`)
    }
  })
  return { ...seen, again }
}

test('a failed file runs once more, and counts once', async (t) => {
  t.equal(maxUnstable, 2)
  t.strictSame(await runTries({ 'a.test.js': 'p', 'b.test.js': 'fp', 'c.test.js': 'ff' }), {
    failed: ['build/test/c.test.js > a'],
    unstable: ['test/b.test.ts: build/test/b.test.js > a'],
    shown: 2,
    passed: 5,
    reds: 1,
    again: ['b.test.js', 'c.test.js']
  })
  const rows: [what: string, tries: Record<string, string>, counted: object][] = [
    [
      'more than two: red at once',
      { 'a.test.js': 'fp', 'b.test.js': 'fp', 'c.test.js': 'fp' },
      { reds: 3, unstable: [], again: [], failed: ['a', 'b', 'c'].map(failureOf) }
    ],
    [
      'a second try that skips proves nothing',
      { 'a.test.js': 'fs' },
      { reds: 1, passed: 1, unstable: [], failed: [failureOf('a')] }
    ],
    [
      'what a property found is a fault, whatever the next values are',
      { 'a.test.js': 'cp', 'b.test.js': 'fp' },
      { reds: 1, again: ['b.test.js'], failed: [failureOf('a')] }
    ]
  ]
  for (const [what, tries, counted] of rows) t.match(await runTries(tries), counted, what)
})

const failureOf = (name: string) => `build/test/${name}.test.js > a`
const head = '| file | commit |\n| --- | --- |\n'

test('test/unstable.md: few files, each with its proof, none that tests a promise', (t) => {
  const attacks = readFileSync(join(repositoryRoot, 'docs/reference/attacks.md'), 'utf8')
  const listed = readFileSync(join(repositoryRoot, 'test/unstable.md'), 'utf8')
  t.same(faultsOf(readUnstable(listed), attacks), [])
  const line = '| `test/src/lib/pace.test.ts` | abcdef12 | 3 of 4 | too slow | a timer |'
  const good = readUnstable(head + line)
  t.strictSame(good, [
    {
      ...{ file: 'test/src/lib/pace.test.ts', commit: 'abcdef12', passed: '3 of 4' },
      ...{ failed: 'too slow', suspicion: 'a timer' }
    }
  ])
  t.same(faultsOf(good, attacks), [])
  const rows: [what: string, line: string, fault: RegExp][] = [
    ['no suspicion', line.replace(' a timer |', ''), /suspicion is missing/],
    ['no commit', line.replace('abcdef12', 'yesterday'), /commit is missing/],
    ['no such file', line.replace('pace', 'no-pace'), /does not exist/],
    ['without backticks', line.replaceAll('`', '').replace('pace', 'no-pace'), /does not exist/],
    ['its name', line.replace('src/lib/pace', 'satellite/hostile-text'), /promise/],
    ['in the table of attacks', line.replace('src/lib/pace', 'cli/profiles/learn'), /promise/],
    ['smoke', line.replace('src/lib/pace', 'webhook/cluster/takeover'), /promise/],
    ['these rules', line.replace('src/lib/pace', 'house/gate'), /promise/],
    ['not of the gate', line.replace('src/lib/pace', 'e2e/kubernetes'), /not in the gate/]
  ]
  for (const [what, cells, fault] of rows)
    t.match(
      faultsOf(readUnstable(head + cells), '`test/cli/profiles/learn.test.ts`').join(),
      fault,
      what
    )
  const many = Array.from({ length: 6 }, () => line).join('\n')
  t.match(faultsOf(readUnstable(head + many), attacks).join(), /at most 5/)
  t.end()
})

test('what a change touches', (t) => {
  const compiled = [
    'build/native/recorder.js',
    'build/src/a.js',
    'build/test/e2e/documents.test.js'
  ]
  checkCompiled(t, compiled)
  const table = readFileSync(join(repositoryRoot, 'build/cli/commands/verbs.js'), 'utf8')
  const verbs = verbFiles(table)
  t.equal(verbs.get('up'), 'build/cli/commands/up-verb.js')
  t.equal(verbs.get('why-eperm'), 'build/cli/commands/truth-verbs.js')
  t.equal(verbs.get('uninstall'), 'build/cli/commands/install-verbs.js')
  const started = startedByTests(verbs)
  const verbFile = (name: string) => `build/cli/commands/${name}-verb.js`
  const rows: [path: string, text: string, files: readonly string[]][] = [
    ['build/test/a.test.js', "spawnSecco(['up', '--once'])", [verbFile('up')]],
    ['build/test/a.test.js', "start([...base, 'ps', '-n'])", [verbFile('ps')]],
    ['build/test/a.test.js', '`secco doctor -o json`', [verbFile('doctor')]],
    ['build/test/a.test.js', "compile('test/native/calls.c')", ['test/native/calls.c']],
    ['build/test/a.test.js', "readDocument('docs/install.md')", [...new Set(verbs.values())]],
    ['build/src/a.js', "f(['up'])", []]
  ]
  for (const [path, text, files] of rows)
    t.match(new Set(started(path, text)), new Set(files), text)
  t.strictSame(started('build/test/a.test.js', "t.equal(a, 'not a verb')"), [])
  t.throws(() => changedSince('no-such-commit'))
  t.match(changedSince('HEAD'), { commit: /^[0-9a-f]{9}$/, files: Array })
  t.end()
})

function checkCompiled(t: Test, compiled: readonly string[]): void {
  const rows: [path: string, files: readonly string[]][] = [
    ['webhook/ui/pages/audit.tsx', ['build/webhook/ui/pages/audit.js']],
    ['native/bpf/secco.bpf.c', ['native/bpf', 'build/native/recorder.js']],
    ['README.md', ['README.md', 'build/test/e2e/documents.test.js']],
    ['image/bundle.ts', ['build/image/bundle.js', ...compiled]],
    ['cli/start.ts', ['build/cli/start.js', 'build/test/e2e/documents.test.js']],
    ['CHANGELOG.md', ['CHANGELOG.md']]
  ]
  for (const [path, files] of rows) {
    const found = compiledOf([path], compiled)
    t.same(
      files.filter((file) => !found.includes(file)),
      [],
      path
    )
  }
  t.notOk(compiledOf(['CHANGELOG.md'], compiled).some((path) => compiled.includes(path)))
}
