import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'tap'
import { repositoryRoot } from '../helpers/repository.js'
import { until } from '../helpers/until.js'

interface Result {
  file: string
  commit: string
  passed: boolean
  ms: number
}
interface Row {
  file: string
  passes: number
  runs: number
  longestMs: number
  since?: string
}
interface Tally {
  failed: number
  skips: string[]
}
interface Tree {
  commit: string
  commits: ReadonlySet<string>
  changedSince: (commit: string) => ReadonlySet<string>
  check: () => void
}
interface Handlers {
  onStart: (path: string) => void
  onFile: (path: string, tally: Tally) => void
}

const bin = (name: string) => join(repositoryRoot, 'bin', name)
const { isStable, openTree, readResults, resultsPath, rowsOf, runRounds, tableOf } = (await import(
  bin('stability.mjs')
)) as {
  isStable: (row: Row) => boolean
  openTree: () => Tree
  readResults: (path: string) => Result[]
  resultsPath: (env: Readonly<Record<string, string>>) => string
  rowsOf: (
    files: string[],
    results: readonly Result[],
    commits: ReadonlySet<string>,
    changedSince: (commit: string) => ReadonlySet<string>
  ) => Row[]
  runRounds: (
    files: readonly string[],
    options: {
      rounds: number
      runAll: (files: readonly string[], handlers: Handlers) => Promise<readonly string[]>
      report: () => void
      onFile: (path: string, tally: Tally) => void
      tree?: Tree
    }
  ) => Promise<Row[]>
  tableOf: (rows: readonly Row[]) => string[]
}

/** A letter for each result of test/a.test.ts: p passed on HEAD, f failed on it, P and F on the commit before it, x passed elsewhere. */
const resultsOf = (letters: string): Result[] =>
  Array.from(letters).map((letter, index) => ({
    file: 'test/a.test.ts',
    commit: letter === 'x' ? 'other' : letter === letter.toUpperCase() ? 'before' : 'head',
    passed: letter.toLowerCase() !== 'f',
    ms: 1000 * (index + 1)
  }))

test('which results count', (t) => {
  const commits = new Set(['head', 'before'])
  const rowOf = (letters: string, changed: readonly string[] = []) =>
    rowsOf(['test/a.test.ts'], resultsOf(letters), commits, (since) =>
      since === 'before' ? new Set(changed) : new Set()
    )[0]
  const rows: [letters: string, row: Partial<Row>, stable: boolean][] = [
    ['', { passes: 0, runs: 0, longestMs: 0 }, false],
    ['pppp', { passes: 4, runs: 4, longestMs: 4000, since: 'head' }, false],
    ['pppppppppp', { passes: 10, runs: 10 }, true],
    ['PPPPPPppppp', { passes: 10, runs: 10, longestMs: 11_000, since: 'before' }, true],
    ['xxxxxxxxxxp', { passes: 1, runs: 1 }, false],
    ['pppppppppf', { passes: 9, runs: 10 }, false],
    ['fppppppppp', { passes: 9, runs: 10 }, false],
    ['Fpppppppppp', { passes: 10, runs: 10 }, true]
  ]
  for (const [letters, wanted, stable] of rows) {
    const row = rowOf(letters)
    t.match(row, wanted, letters)
    t.equal(row !== undefined && isStable(row), stable, letters)
  }
  t.match(rowOf('PPPPPPPpp', ['test/b.test.ts']), { passes: 9 })
  t.match(rowOf('PPPPPPPpp', ['test/a.test.ts']), { passes: 2 }, 'the file was another one')
  const lines = tableOf([
    { file: 'test/stable.test.ts', passes: 10, runs: 10, longestMs: 61_000, since: 'a'.repeat(40) },
    { file: 'test/other.test.ts', passes: 9, runs: 10, longestMs: 2000, since: 'b'.repeat(40) },
    { file: 'test/new.test.ts', passes: 0, runs: 0, longestMs: 0 }
  ])
  t.same(lines, [
    'file                   passes    longest  since',
    'test/other.test.ts    9 of 10      2.0 s  bbbbbbbb',
    'test/new.test.ts       0 of 0      0.0 s',
    'test/stable.test.ts  10 of 10     61.0 s  aaaaaaaa'
  ])
  t.equal(resultsPath({ XDG_STATE_HOME: '/state' }), '/state/secco/stability.jsonl')
  t.equal(resultsPath({ XDG_STATE_HOME: '/state', SECCO_STABILITY: '/x.jsonl' }), '/x.jsonl')
  t.end()
})

test('rounds go on until each file has passed ten times, and results are kept', async (t) => {
  const path = join(t.testdir(), 'results', 'stability.jsonl')
  process.env['SECCO_STABILITY'] = path
  t.teardown(() => delete process.env['SECCO_STABILITY'])
  const ran: string[] = []
  const tree = openTree()
  const failing = { file: 'b', times: 2 }
  const run = (rounds: number) =>
    runRounds(['build/test/a.test.js', 'build/test/b.test.js'], {
      rounds,
      runAll: async (files, { onStart, onFile }) => {
        for (const file of files) {
          onStart(file)
          const name = file.slice('build/test/'.length, -'.test.js'.length)
          ran.push(name)
          const failed = name === failing.file && failing.times-- > 0 ? 1 : 0
          onFile(file, { failed, skips: [] })
        }
        return Promise.resolve([])
      },
      report: () => undefined,
      onFile: () => undefined,
      tree
    })
  const counts = (rows: readonly Row[]) => rows.map(({ passes, runs }) => `${passes} of ${runs}`)
  t.same(counts(await run(4)), ['4 of 4', '2 of 4'])
  // A run that was killed while it wrote leaves half a line.
  appendFileSync(path, '\n{"file":"test/a.test.ts","com')
  t.same(counts(await run(6)), ['10 of 10', '8 of 10'])
  t.same(counts(await run(20)), ['10 of 10', '10 of 10'])
  t.equal(ran.filter((name) => name === 'a').length, 10)
  t.equal(ran.filter((name) => name === 'b').length, 12)
  t.equal(readResults(path).length, 22)
  t.equal(readFileSync(path, 'utf8').includes('{"file":"test/a.test.ts","com\n{"file"'), true)
})

test('a skip without a true reason is no pass', async (t) => {
  process.env['SECCO_STABILITY'] = join(t.testdir(), 'stability.jsonl')
  t.teardown(() => delete process.env['SECCO_STABILITY'])
  const rows = await runRounds(['build/test/a.test.js'], {
    rounds: 1,
    runAll: async ([file = ''], { onStart, onFile }) => {
      onStart(file)
      onFile(file, { failed: 0, skips: ['build/test/a.test.js > b: no root'] })
      return Promise.resolve([])
    },
    report: () => undefined,
    onFile: () => undefined
  })
  t.match(rows, [{ passes: 0, runs: 1 }])
})

test('what fails after the last test of files that share a process is a failure of each', async (t) => {
  process.env['SECCO_STABILITY'] = join(t.testdir(), 'stability.jsonl')
  t.teardown(() => delete process.env['SECCO_STABILITY'])
  const files = ['build/test/src/lib/a.test.js', 'build/test/house/b.test.js']
  const rows = await runRounds(files, {
    rounds: 1,
    runAll: (left, { onStart, onFile }) => {
      for (const file of left) {
        onStart(file)
        onFile(file, { failed: 0, skips: [] })
      }
      return Promise.resolve(['not ok 3 - late throw'])
    },
    report: () => undefined,
    onFile: () => undefined
  })
  t.match(rows, [{ passes: 0, runs: 1 }, { passes: 1 }], 'one of the unit tier and another one')
})

test('the load ends when the process that started it is killed', async (t) => {
  const program = `
    const { startLoad } = await import(${JSON.stringify(bin('load.mjs'))})
    console.log(JSON.stringify(startLoad(2).pids))
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => child.kill('SIGKILL'))
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const pids = JSON.parse(line) as number[]
  t.equal(pids.length, 2)
  const isThere = (pid: number) => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  const cpuOf = (pid: number) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return Number(fields[11]) + Number(fields[12])
  }
  await until('both to be busy', () => pids.every((pid) => cpuOf(pid) > 10) || undefined)
  child.kill('SIGKILL')
  await until('both to end', () => !pids.some(isThere) || undefined)
  t.notOk(pids.some(isThere))
})
