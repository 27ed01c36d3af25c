// `npm run test:stability -- [--rounds N] [TIER…] [WORD…]`: shows that test files are not red by chance. They run again and
// again beside a load, until each has passed ten times; the results of each commit are kept, so that several runs add up.
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { startLoad } from './load.mjs'
import { sourceOf } from './run-tap.mjs'
import { isShared, mayBeSkipped } from './test-tiers.mjs'

/** So many passes in succession show that a file is stable. */
export const enough = 10

/** Returns the file with the results of all checkouts of this user. It grows by a line of 150 bytes for each result. */
export function resultsPath(env = process.env) {
  const state = env.XDG_STATE_HOME || join(homedir(), '.local/state')
  return env.SECCO_STABILITY || join(state, 'secco/stability.jsonl')
}

/** Returns the results that were kept, the oldest first. A line that a killed run left incomplete is none. */
export function readResults(path) {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        const result = line === '' ? null : JSON.parse(line)
        return typeof result?.file === 'string' ? [result] : []
      } catch {
        return []
      }
    })
}

/** Adds a result by one write, which two runs at once do not mix. It begins with a line end in case the last one has none. */
function keep(path, result) {
  mkdirSync(dirname(path), { recursive: true })
  appendFileSync(path, `\n${JSON.stringify(result)}`)
}

/**
 * Returns a row for each file: how many of its last runs, ten at most, passed on these commits (`passes` of `runs`), their
 * longest time in ms, and the oldest commit of them. `commits` are HEAD and what it is built on. A result does not count when
 * the file has changed since its commit: `changedSince` returns the set of the files that have.
 */
export function rowsOf(files, results, commits, changedSince) {
  const counted = new Map()
  const counts = ({ file, commit }) => {
    if (!counted.has(commit))
      counted.set(commit, commits.has(commit) ? changedSince(commit) : undefined)
    return counted.get(commit)?.has(file) === false
  }
  return files.map((file) => {
    const own = results.filter((one) => one.file === file && counts(one)).slice(-enough)
    const passes = own.filter(({ passed }) => passed).length
    const longestMs = Math.max(0, ...own.map(({ ms }) => ms))
    return { file, passes, runs: own.length, longestMs, since: own[0]?.commit }
  })
}

export const isStable = ({ passes }) => passes === enough

/** Returns the lines of the table: file × passes × longest time, those that are not stable first. */
export function tableOf(rows) {
  const width = Math.max(...rows.map(({ file }) => file.length))
  const lines = [...rows]
    .sort((a, b) => Number(isStable(a)) - Number(isStable(b)) || b.longestMs - a.longestMs)
    .map(({ file, passes, runs, longestMs, since }) => {
      const count = `${passes} of ${runs}`.padStart(8)
      const seconds = `${(longestMs / 1000).toFixed(1)} s`.padStart(9)
      return `${file.padEnd(width)}  ${count}  ${seconds}  ${since?.slice(0, 8) ?? ''}`.trimEnd()
    })
  const head = `${'file'.padEnd(width)}  ${'passes'.padStart(8)}  ${'longest'.padStart(9)}  since`
  return [head, ...lines]
}

const git = (...args) => execFileSync('git', args, { encoding: 'utf8', maxBuffer: 1 << 28 }).trim()
const stateOfTree = () =>
  [git('rev-parse', 'HEAD'), git('status', '--porcelain', '--untracked-files=all')]
    .join('\n')
    .trim()

/**
 * Returns what results of this checkout are kept for, and which results count. Those of a tree with changes are those of no
 * commit: they count for this run alone.
 */
export function openTree() {
  const state = stateOfTree()
  const [head, ...changes] = state.split('\n')
  const commit = changes.length === 0 ? head : `${head}+${randomUUID()}`
  const commits = new Set(changes.length === 0 ? git('rev-list', 'HEAD').split('\n') : [commit])
  const changedSince = (since) =>
    new Set(since === commit ? [] : git('diff', '--name-only', since, 'HEAD').split('\n'))
  function check() {
    if (stateOfTree() !== state)
      throw new Error('the tree has changed since this run began: its results would be of neither')
  }
  return { commit, commits, changedSince, check }
}

/**
 * Runs files round after round beside a load, each until it is stable, `rounds` times at most. `runAll` runs the files of
 * a round, with `report` and `onFile` for runLanes, and returns what failed after the last test of files that share a
 * process: as no file can be blamed for it, none of them has passed in that round.
 * @returns the rows of the files
 */
export async function runRounds(files, { rounds, runAll, report, onFile, tree = openTree() }) {
  const path = resultsPath()
  const { commit, commits, changedSince, check } = tree
  const rowsNow = () => rowsOf(files.map(sourceOf), readResults(path), commits, changedSince)
  const load = startLoad()
  try {
    for (let round = 1; round <= rounds; round += 1) {
      const rows = rowsNow()
      const left = files.filter((_, index) => !isStable(rows[index]))
      if (left.length === 0) break
      console.log(`round ${round} of at most ${rounds}: ${left.length} files, ${commit}`)
      const started = new Map()
      const held = []
      const late = await runAll(left, {
        report,
        onStart: (file) => started.set(file, Date.now()),
        onFile(file, tally) {
          const skips = tally.skips.map(sourceOf)
          const passed = tally.failed === 0 && skips.every((one) => mayBeSkipped(one))
          const ms = Date.now() - started.get(file)
          const result = { file: sourceOf(file), commit, passed, ms, at: new Date().toISOString() }
          check()
          load.check()
          if (result.passed && isShared(file)) held.push(result)
          else keep(path, result)
          onFile(file, tally)
        }
      })
      for (const result of held) keep(path, { ...result, passed: late.length === 0 })
    }
  } finally {
    load.end()
  }
  return rowsNow()
}
