import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test, type Test } from 'tap'
import { repositoryRoot } from '../helpers/repository.js'

interface Tally {
  passed: number
  failed: number
  skipped: number
  skips: string[]
}
type Event = { kind: string; name: string }
interface Queue {
  left: string[]
}
interface RunOptions {
  timeoutSeconds: number
  timeoutOf?: (path: string) => number
  envOf?: (path: string) => object
  report: (event: Event) => void
  onFile: (path: string, tally: Tally) => void
  isShared?: () => boolean
  stderr?: 'ignore'
  signal?: AbortSignal
}
interface TestRun {
  runFiles: (paths: readonly string[], options: RunOptions & { jobs: number }) => Promise<string[]>
  queueOf: (paths: readonly string[], after?: readonly Queue[]) => Queue
  runLanes: (lanes: readonly (readonly Queue[])[], options: RunOptions) => Promise<string[]>
}

const bin = (name: string) => join(repositoryRoot, 'bin', name)
const { queueOf, runFiles, runLanes } = (await import(bin('run-tap.mjs'))) as TestRun
const { affectedBy } = (await import(bin('affected.mjs'))) as {
  affectedBy: (changed: readonly string[], texts: ReadonlyMap<string, string>) => string[]
}

const tap = `import { t, test } from '${import.meta.resolve('tap')}'\n`
const one = `test('a', (t) => { t.ok(true); t.end() })`
const holder = `import { spawn } from 'node:child_process'
spawn('sleep', ['60'], { stdio: ['ignore', 'inherit', 'ignore'], detached: true }).unref()
`

type Case = [name: string, text: string, tally: Partial<Tally>]

/** What does not hold in a process that files share. */
const inProcessOfTheirOwn: Case[] = [
  [
    'waits for ever at its top level',
    `${tap}${one}\nawait new Promise(() => undefined)\ntest('b', (t) => { t.fail(); t.end() })`,
    { failed: 1 }
  ],
  [
    'fails after its test',
    `${tap}import { setTimeout } from 'node:timers'
    test('a', (t) => { t.ok(1); setTimeout(() => t.fail('late'), 100); t.end() })`,
    { failed: 1 }
  ],
  [
    'needs its folder at the end',
    `${tap}import { existsSync } from 'node:fs'
    test('a', (t) => {
      const dir = t.testdir({ x: '' })
      t.teardown(() => { if (!existsSync(dir)) throw new Error('x') })
      t.ok(1)
      t.end()
    })`,
    { passed: 1, failed: 0 }
  ],
  [
    'forks',
    `import { fork } from 'node:child_process'
    if (process.send) {
      process.send('mine')
      process.disconnect()
    } else {
      const { test } = await import(${JSON.stringify(import.meta.resolve('tap'))})
      test('a', (t) => {
        const said = []
        fork(import.meta.filename)
          .on('message', (it) => said.push(it))
          .on('exit', () => { t.same(said, ['mine']); t.end() })
      })
    }`,
    { passed: 1, failed: 0 }
  ]
]

for (const shared of [false, true]) {
  test(`what becomes of a test file, ${shared ? 'after others in a process' : 'alone'}`, (t) =>
    checkFiles(t, shared))
}

async function checkFiles(t: Test, shared: boolean): Promise<void> {
  const cases: Case[] = [
    ['passes', `${tap}test('a', (t) => { t.ok(true); t.end() })`, { passed: 1, failed: 0 }],
    ['fails', `${tap}test('a', (t) => { t.ok(true); t.ok(false); t.end() })`, { failed: 1 }],
    ['skips', `${tap}test('a', { skip: 'why' }, () => {})\ntest('b', async (t) => t.ok(1))`, {}],
    ['says nothing', '', { passed: 0, failed: 1 }],
    ['throws', `${tap}throw new Error('x')`, { passed: 0, failed: 1 }],
    [
      'tears down wrongly',
      `${tap}t.teardown(() => { throw new Error('x') })\n${one}`,
      { failed: 1 }
    ],
    ['is killed', `${tap}test('a', (t) => { t.ok(1); process.kill(process.pid, 9) })`, {}],
    [
      'is killed in a diagnostic',
      `${tap}test('a', (t) => { t.ok(1); console.log('  ---\\n  kind: Pod'); process.kill(process.pid, 9) })`,
      { failed: 1 }
    ],
    ['ends early', `${tap}test('a', (t) => { t.ok(1); process.exit(0) })`, { failed: 1 }],
    ['takes too long', `${tap}test('a', () => new Promise((r) => setTimeout(r, 60_000)))`, {}],
    ...(shared ? [] : inProcessOfTheirOwn),
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
        ...{ jobs: shared ? 1 : 4, timeoutSeconds, stderr: 'ignore', isShared: () => shared },
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
}

test('what a file does to its process is undone before the next one', async (t) => {
  const first = `${tap}import { mock } from 'node:test'
mock.timers.enable({ apis: ['setTimeout'] })
t.setTimeout(1)
t.teardown(() => { process.env.TORN = 'down' })
test('a', (t) => { t.ok(true); t.end() })`
  const second = `${tap}import { setTimeout } from 'node:timers'
test('b', (t) => { t.equal(process.env.TORN, 'down'); setTimeout(() => t.end(), 20) })`
  const dir = t.testdir({ 'first.mjs': first, 'second.mjs': second })
  const got: Partial<Tally>[] = []
  await runFiles([join(dir, 'first.mjs'), join(dir, 'second.mjs')], {
    ...{ jobs: 1, timeoutSeconds: 50, isShared: () => true, report: () => undefined },
    onFile: (_path, { passed, failed }) => got.push({ passed, failed })
  })
  t.strictSame(got, [
    { passed: 1, failed: 0 },
    { passed: 1, failed: 0 }
  ])
})

test('what fails after the last test of a file in a shared process is reported', async (t) => {
  const late = `${tap}${one}\nsetTimeout(() => { throw new Error('too late') }, 300)`
  const ending = `${tap}${one}\nsetTimeout(() => process.exit(3), 300)`
  const dir = t.testdir({ 'late.mjs': late, 'ending.mjs': ending, 'good.mjs': `${tap}${one}` })
  const run = (name: string) =>
    runFiles([join(dir, `${name}.mjs`)], {
      ...{ jobs: 1, timeoutSeconds: 50, stderr: 'ignore', isShared: () => true },
      ...{ report: () => undefined, onFile: () => undefined }
    })
  t.match(await run('late'), [/not ok .*too late/])
  t.match(await run('ending'), [/it ended with exit code 3/])
  t.strictSame(await run('good'), [])
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

test('of files that record one runs at a time, and those that wait come after them', async (t) => {
  // Each file notes when it begins and ends, and ends after others began that run beside it.
  const beside = (name: string): RegExp =>
    name.startsWith('wait')
      ? /(begin wait-[^]*){3}/
      : /begin (record-1[^]*begin other-1|other-1[^]*begin record-1)/
  const body = (name: string): string => `
import { appendFileSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
${tap}test('a', async (t) => {
  appendFileSync(process.env.NOTES, 'begin ${name} ' + process.env.TAP_TIMEOUT + '\\n')
  while (!${String(beside(name))}.test(readFileSync(process.env.NOTES, 'utf8'))) await delay(20)
  appendFileSync(process.env.NOTES, 'end ${name}\\n')
  t.ok(true)
})`
  const names = ['record-1', 'record-2', 'wait-1', 'wait-2', 'wait-3', 'other-1', 'other-2']
  const dir = t.testdir(Object.fromEntries(names.map((name) => [`${name}.mjs`, body(name)])))
  const pathsOf = (kind: string): string[] =>
    names.filter((name) => name.startsWith(kind)).map((name) => join(dir, `${name}.mjs`))
  const recording = queueOf(pathsOf('record'))
  const waiting = queueOf(pathsOf('wait'), [recording])
  const others = queueOf(pathsOf('other'))
  const ended: string[] = []
  await runLanes([[recording, waiting, others], [others, waiting], [waiting]], {
    ...{ timeoutSeconds: 50, report: () => undefined },
    envOf: () => ({ NOTES: join(dir, 'notes') }),
    timeoutOf: (path) => (basename(path).startsWith('record') ? 40 : 30),
    onFile: (path, { passed }) => ended.push(...(passed > 0 ? [basename(path, '.mjs')] : []))
  })
  t.same([...ended].sort(), [...names].sort(), 'each file runs once')
  const running = new Set<string>()
  for (const line of readFileSync(join(dir, 'notes'), 'utf8').trim().split('\n')) {
    const [what, name = '', limit] = line.split(' ')
    if (what === 'begin') {
      running.add(name)
      t.equal(limit, name.startsWith('record') ? '40' : '30', `${name} has its own limit`)
    } else running.delete(name)
    const count = (kind: string) => [...running].filter((one) => one.startsWith(kind)).length
    t.ok(count('record') === 0 || count('record') + count('wait') === 1, line)
  }
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
