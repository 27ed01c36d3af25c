import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type Test } from 'tap'
import { repositoryRoot } from '../helpers/repository.js'

interface Wanted {
  kind: 'gate' | 'all' | 'affected' | 'chosen'
  named: string[]
  others: string[]
  since?: string
}
interface Tally {
  passed: number
  failed: number
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
const { maxListed, readUnstable } = await load<{
  maxListed: number
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
    [['nightly'], { kind: 'chosen', named: ['nightly'] }, all]
  ]
  for (const [args, wanted, files] of rows) {
    const read = readArguments(args)
    t.match(read, wanted, `npm test -- ${args.join(' ')}`)
    t.same(selectTests(read, all), files, `npm test -- ${args.join(' ')}`)
  }
  t.match(readArguments(['affected', 'HEAD~2']), { kind: 'affected', since: 'HEAD~2' })
  const leftOut = ['test/e2e/loop.test.ts']
  t.same(selectTests(readArguments([]), all, leftOut), [unit, own], 'red by chance')
  t.same(selectTests(readArguments(['all']), all, leftOut), all, 'and run where everything runs')
  t.end()
})

/** Runs files that end as `tries` says, one letter a try: p passes, f fails; returns what counted. */
async function runTries(tries: Readonly<Record<string, string>>) {
  const again: string[] = []
  const seen = { failed: [] as string[], unstable: [] as string[], shown: 0, passed: 0, reds: 0 }
  const runTry = (path: string, index: number, { report, onFile }: Handlers) => {
    const hasFailed = tries[path]?.[index] === 'f'
    const name = `build/test/${path}`
    if (hasFailed) report({ kind: 'failed', name: `${name} > a`, details: ['why'] }, name)
    report({ kind: 'file', name, details: [] }, name)
    onFile(name, hasFailed ? { passed: 1, failed: 1 } : { passed: 2, failed: 0 })
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
  const three = await runTries({ 'a.test.js': 'fp', 'b.test.js': 'fp', 'c.test.js': 'fp' })
  t.match(three, { reds: 3, unstable: [], again: [] }, 'more than two: red at once')
  t.equal(three.failed.length, 3)
})

const row = (cells: string) => `| file | commit |\n| --- | --- |\n${cells}\n`

test('test/unstable.md: few files, each with its proof, none that tests a promise', (t) => {
  const text = readFileSync(join(repositoryRoot, 'test/unstable.md'), 'utf8')
  t.same(faultsOf(readUnstable(text)), [])
  const line = '| `test/house/gate.test.ts` | abcdef12 | 3 of 4 | lock stayed | two locks |'
  const good = readUnstable(row(line))
  t.strictSame(good, [
    {
      ...{ file: 'test/house/gate.test.ts', commit: 'abcdef12', passed: '3 of 4' },
      ...{ failed: 'lock stayed', suspicion: 'two locks' }
    }
  ])
  t.same(faultsOf(good), [])
  const wrong: [string, string, RegExp][] = [
    ['no suspicion', line.replace(' two locks |', ''), /suspicion/],
    ['no commit', line.replace('abcdef12', 'yesterday'), /commit/],
    ['no such file', line.replace('gate', 'no-gate'), /does not exist/],
    ['of an attack', line.replace('house/gate', 'satellite/hostile-text'), /promise/],
    ['not of the gate', line.replace('house/gate', 'e2e/kubernetes'), /not in the gate/]
  ]
  for (const [what, cells, fault] of wrong)
    t.match(faultsOf(readUnstable(row(cells))).join(), fault, what)
  const many = Array.from({ length: maxListed + 1 }, () => line).join('\n')
  t.match(faultsOf(readUnstable(row(many))).join(), /at most 5/)
  t.end()
})

/** Returns what is wrong with the rows of test/unstable.md. */
function faultsOf(rows: readonly Unstable[]): string[] {
  const faults = rows.length > maxListed ? [`at most ${maxListed} files at a time`] : []
  for (const { file, commit = '', ...cells } of rows) {
    if (!existsSync(join(repositoryRoot, file))) faults.push(`${file} does not exist`)
    if (!gate.includes(tierOf(file) ?? '')) faults.push(`${file} is not in the gate`)
    if (/attack|hostile|enforce|denial|loss|lost|executed|differential/.test(file))
      faults.push(`${file} tests a promise: repair it`)
    if (!/^[0-9a-f]{8,40}$/.test(commit)) faults.push(`${file}: commit`)
    for (const name of ['passed', 'failed', 'suspicion'] as const)
      if ((cells[name] ?? '') === '') faults.push(`${file}: ${name}`)
  }
  return faults
}

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
  const rows: [path: string, text: string, files: string[]][] = [
    ['build/test/a.test.js', "spawnSecco(['up', '--once'])", ['up']],
    ['build/test/a.test.js', "secco('ps')", ['ps']],
    ['build/test/a.test.js', '`secco doctor -o json`', ['doctor']],
    ['build/test/a.test.js', "t.equal(a, 'up')", []],
    ['build/src/a.js', "f(['up'])", []]
  ]
  for (const [path, text, files] of rows)
    t.same(
      started(path, text),
      files.map((name) => `build/cli/commands/${name}-verb.js`),
      text
    )
  t.throws(() => changedSince('no-such-commit'))
  t.match(changedSince('HEAD'), { commit: /^[0-9a-f]{9}$/, files: Array })
  t.end()
})

function checkCompiled(t: Test, compiled: readonly string[]): void {
  const rows: [path: string, files: readonly string[]][] = [
    ['webhook/ui/pages/audit.tsx', ['build/webhook/ui/pages/audit.js']],
    ['native/bpf/secco.bpf.c', ['build/native/recorder.js']],
    ['README.md', ['build/test/e2e/documents.test.js']],
    ['package-lock.json', compiled],
    ['CHANGELOG.md', []]
  ]
  for (const [path, files] of rows) t.same(compiledOf([path], compiled), files, path)
}
