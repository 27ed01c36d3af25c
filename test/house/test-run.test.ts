import { basename, join } from 'node:path'
import { test } from 'tap'
import { repositoryRoot } from '../helpers/repository.js'

interface Tally {
  passed: number
  failed: number
  skipped: number
  skips: string[]
}
type Event = { kind: string; name: string }
interface TestRun {
  runFiles: (
    paths: readonly string[],
    options: {
      jobs: number
      timeoutSeconds: number
      report: (event: Event) => void
      onFile: (path: string, tally: Tally) => void
      stderr?: 'ignore'
      signal?: AbortSignal
    }
  ) => Promise<void>
}

const bin = (name: string) => join(repositoryRoot, 'bin', name)
const { runFiles } = (await import(bin('run-tap.mjs'))) as TestRun
const { affectedBy } = (await import(bin('affected.mjs'))) as {
  affectedBy: (changed: readonly string[], texts: ReadonlyMap<string, string>) => string[]
}

const tap = `import { test } from '${import.meta.resolve('tap')}'\n`
const holder = `import { spawn } from 'node:child_process'
spawn('sleep', ['60'], { stdio: ['ignore', 'inherit', 'ignore'], detached: true }).unref()
`

test('what becomes of a test file', async (t) => {
  const cases: [name: string, text: string, tally: Partial<Tally>][] = [
    ['passes', `${tap}test('a', (t) => { t.ok(true); t.end() })`, { passed: 1, failed: 0 }],
    ['fails', `${tap}test('a', (t) => { t.ok(true); t.ok(false); t.end() })`, { failed: 1 }],
    ['skips', `${tap}test('a', { skip: 'why' }, () => {})\ntest('b', async (t) => t.ok(1))`, {}],
    ['says nothing', '', { passed: 0, failed: 1 }],
    ['throws', `${tap}throw new Error('x')`, { passed: 0, failed: 1 }],
    ['is killed', `${tap}test('a', (t) => { t.ok(1); process.kill(process.pid, 9) })`, {}],
    ['ends early', `${tap}test('a', (t) => { t.ok(1); process.exit(0) })`, { failed: 1 }],
    ['takes too long', `${tap}test('a', () => new Promise((r) => setTimeout(r, 60_000)))`, {}],
    ['is held open', `${holder}${tap}test('a', (t) => { t.ok(1); t.end() })`, { passed: 1 }]
  ]
  /** What the table has no room for. */
  const more: Record<string, Partial<Tally>> = {
    skips: { passed: 1, failed: 0, skipped: 1 },
    'is killed': { failed: 1 },
    'takes too long': { failed: 1 }
  }
  const dir = t.testdir(Object.fromEntries(cases.map(([name, text]) => [`${name}.mjs`, text])))
  const got = new Map<string, Tally>()
  const failed: string[] = []
  const began = Date.now()
  const run = (timeoutSeconds: number, names: readonly string[]) =>
    runFiles(
      names.map((name) => join(dir, `${name}.mjs`)),
      {
        ...{ jobs: 4, timeoutSeconds, stderr: 'ignore' },
        report: ({ kind, name }) => {
          if (kind === 'failed') failed.push(name)
        },
        onFile: (path, tally) => got.set(path, tally)
      }
    )
  const long = 'takes too long'
  await Promise.all([
    run(
      50,
      cases.map(([name]) => name).filter((name) => name !== long)
    ),
    run(1, [long])
  ])
  for (const [name, , tally] of cases) {
    t.match(got.get(join(dir, `${name}.mjs`)), { ...tally, ...more[name] }, name)
  }
  t.match(got.get(join(dir, 'skips.mjs'))?.skips, [/skips\.mjs > a: why/])
  t.ok(
    failed.some((name) => /is killed\.mjs.*SIGKILL/.test(name)),
    'the signal is named'
  )
  t.ok(Date.now() - began < 60_000, 'nobody waits for what a test left behind')
})

test('after an abort no further file starts', async (t) => {
  const passing = `${tap}test('a', (t) => { t.ok(true); t.end() })`
  const dir = t.testdir({ 'one.mjs': passing, 'two.mjs': passing })
  const abort = new AbortController()
  const ended: string[] = []
  await runFiles([join(dir, 'one.mjs'), join(dir, 'two.mjs')], {
    ...{ jobs: 1, timeoutSeconds: 50, signal: abort.signal, report: () => undefined },
    onFile: (path) => {
      ended.push(basename(path))
      abort.abort()
    }
  })
  t.same(ended, ['one.mjs'])
})

test('the tests that a change touches', (t) => {
  const texts = new Map([
    ['build/src/a.js', ''],
    ['build/src/b.js', "import { a } from './a.js'"],
    ['build/test/b.test.js', "import { b } from '../src/b.js'"],
    ['build/test/c.test.js', "const c = new URL('../src/c.js', import.meta.url)"]
  ])
  const of = (...changed: string[]) => affectedBy(changed, texts).sort()
  t.same(of('build/src/a.js'), ['build/src/a.js', 'build/src/b.js', 'build/test/b.test.js'])
  t.same(of('build/src/c.js'), ['build/src/c.js', 'build/test/c.test.js'], 'not only imports')
  t.same(of('build/test/b.test.js'), ['build/test/b.test.js'])
  t.same(of(), [])
  t.end()
})
