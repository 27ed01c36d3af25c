// `npm test`: format, lint, types, then the compiled tests of the gate; a file that fails runs once more at the end.
// `all` runs the tests of every tier but nightly, `affected [COMMIT]` the e2e files that the changes since a commit touch.
// `stability` runs them again and again beside a load (stability.mjs).
// Other words: only the types, and the test files of the tiers that are named whose path contains one of the other words.
// The last line is `N passed, N failed, N skipped`.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { changedSince, testsTouchedBy } from './affected.mjs'
import { runAlone, runBeside } from './run-beside.mjs'
import { sourceOf, stopAll } from './run-tap.mjs'
import { maxUnstable, runWithSecondChance } from './second-chance.mjs'
import { readArguments, selectTests, usage } from './select-tests.mjs'
import { enough, isStable, runRounds, tableOf } from './stability.mjs'
import { beginRun } from './test-run.mjs'
import { mayBeSkipped, tierOf } from './test-tiers.mjs'
import { leftOutOfGate } from './unstable.mjs'

process.chdir(join(import.meta.dirname, '..'))
const wanted = readOrExit()
const { named } = wanted
const nightly = named.includes('nightly')

function readOrExit() {
  try {
    const read = readArguments(process.argv.slice(2))
    if (read.kind !== 'help') return read
    console.log(usage)
    process.exit(0)
  } catch (error) {
    console.error(error.message)
    process.exit(2)
  }
}

const isEndToEnd = (path) => ['smoke', 'e2e'].includes(tierOf(path))

/** How often fuzz tests and loops of a file repeat, as a factor (test/helpers/fuzz.ts). Those of e2e are few and long. */
function fuzzOf(path) {
  if (nightly) return 20
  if (named.join() === 'unit') return 0.1
  return isEndToEnd(path) ? 1 : 0.25
}
const env = { FORCE_COLOR: '0', NO_COLOR: '1' }
const envOf = (path) => ({ ...env, SECCO_FUZZ: process.env.SECCO_FUZZ ?? String(fuzzOf(path)) })
/** Seconds that a file may take; the tests of a file have limits of their own. */
const timeouts = { unit: 600, integration: 1800, smoke: 1800, e2e: 3600, nightly: 4 * 3600 }
const timeoutOf = (path) => timeouts[nightly ? 'nightly' : tierOf(path)]

const sum = { passed: 0, failed: 0, skipped: 0 }
const skips = []
const failures = []
const unstable = []
const programs = new Set()

/** Runs a program without stdin; gives its exit code, or a reason why it never had one. */
function run(program, args, stdout = 'pipe') {
  return new Promise((done) => {
    const child = spawn(program, args, {
      stdio: ['ignore', stdout, stdout],
      env: { ...process.env, ...env }
    })
    programs.add(child)
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text) => (output += text))
    const end = (code) => {
      programs.delete(child)
      done({ code, output })
    }
    child.on('error', (error) => end(error.message))
    child.on('close', (code, signal) => end(code ?? signal))
  })
}

async function check(title, name, args) {
  const started = Date.now()
  const { code, output } = await run(join('node_modules/.bin', name), args)
  const seconds = ((Date.now() - started) / 1000).toFixed(1)
  if (code === 0) {
    sum.passed += 1
    console.log(`ok    ${title} (${seconds} s)`)
  } else
    fail(
      title,
      output.trim() === '' ? [`${name} ended with ${code}`] : output.trimEnd().split('\n')
    )
}

function fail(name, details) {
  sum.failed += 1
  failures.push(name)
  show('FAIL ', name, details)
}

function show(mark, name, details) {
  console.log(`${mark} ${name}`)
  for (const line of details.slice(0, 120)) console.log(`      ${line}`)
  if (details.length > 120) console.log(`      … and ${details.length - 120} lines more`)
}

function onReport(event) {
  if (event.kind === 'failed') {
    const name = sourceOf(event.name)
    failures.push(name)
    show('FAIL ', name, event.details)
    return
  }
  const counts = `${event.passed} passed${event.failed ? `, ${event.failed} failed` : ''}${event.skipped ? `, ${event.skipped} skipped` : ''}`
  console.log(
    `${event.failed ? 'FAIL' : 'ok  '}  ${sourceOf(event.name)}  ${counts}  ${event.time}`
  )
  if (event.failed) showComments(event)
}

/** Prints what a file that failed said last, such as the log of what it started. */
function showComments({ comments }) {
  for (const line of comments) console.log(`      # ${line}`)
}

function onFile(path, total) {
  sum.passed += total.passed
  sum.failed += total.failed
  sum.skipped += total.skipped
  for (const skipped of total.skips.map(sourceOf)) {
    skips.push(skipped)
    if (process.env.CI === 'true' && !mayBeSkipped(skipped))
      fail(skipped, ['skipped although this is the continuous integration'])
  }
}

/** What a run from a built tree should take on 2 cores, in seconds. It is printed and not checked: machines differ. */
const expectedSeconds = { gate: 15 * 60, unit: 120 }
const kindOfRun = named.join() === 'unit' && wanted.others.length === 0 ? 'unit' : wanted.kind

function printTime() {
  const expected = expectedSeconds[kindOfRun]
  const seconds = Math.round(process.uptime())
  if (expected !== undefined)
    console.log(`${seconds} s; at most ${expected} s are expected on 2 cores`)
}

/** What counts in a run with a second chance: see second-chance.mjs. */
const sink = {
  report: onReport,
  onFile,
  heldBack(event) {
    if (event.kind === 'failed') return show('once ', sourceOf(event.name), event.details)
    console.log(`once  ${sourceOf(event.name)}  ${event.passed} passed, ${event.failed} failed`)
    showComments(event)
  },
  onFailed(events) {
    failures.push(...events.map(({ name }) => sourceOf(name)))
  },
  onUnstable(source, { name }) {
    unstable.push(source)
    const failure = sourceOf(name)
    const isOfFile = failure.startsWith(source) && failure !== source
    console.log(
      `UNSTABLE ${source}: ${isOfFile ? failure.slice(source.length).replace(/^ > | /, '') : failure}`
    )
  }
}

/** Runs files as their rows in the table allow it, with the handlers of runLanes. */
async function runFiles(files, handlers) {
  // Some of the unit tier wait for timers: more of them than cores keep the cores busy.
  const perCore = named.join() === 'unit' ? 2 : 1
  const options = { ...handlers, envOf, timeoutOf, perCore, beforeAlone: () => linted }
  const late = await runBeside(files, options)
  if (late.length > 0) fail('after the last test of unit files that share a process', late)
  return late
}

function runTests(files) {
  if (wanted.kind === 'stability') return runStability(files)
  if (wanted.kind !== 'gate') return runFiles(files, { report: onReport, onFile })
  return runWithSecondChance({
    runAll: (handlers) => runFiles(files, handlers),
    runAgain: (again, handlers) => runAlone(again, { envOf, timeoutOf, ...handlers }),
    sink
  })
}

async function runStability(files) {
  const rows = await runRounds(files, {
    rounds: wanted.rounds,
    runAll: runFiles,
    report: onReport,
    onFile
  })
  for (const line of tableOf(rows)) console.log(line)
  const left = rows.filter((row) => !isStable(row)).length
  if (left > 0)
    fail('stability', [
      `${left} of ${rows.length} files have not passed ${enough} times`,
      'next: run it again: results add up'
    ])
}

/** Returns every test file as compiled; one that was not compiled is a failure. */
function compiledTests() {
  const all = readdirSync('test', { recursive: true })
    .filter((path) => /\.test\.tsx?$/.test(path))
    .map((path) => join('build/test', path.replace(/\.tsx?$/, '.js')))
    .sort()
  const isThere = (path) => existsSync(path)
  for (const path of all.filter((each) => !isThere(each)))
    fail(sourceOf(path), ['it was not compiled', 'next: rm build/tsconfig.tsbuildinfo'])
  for (const path of all.filter((each) => tierOf(each) === undefined))
    fail(sourceOf(path), ['it has no row in the table of bin/test-tiers.mjs'])
  return all.filter((path) => isThere(path) && tierOf(path) !== undefined)
}

function testFiles() {
  const all = compiledTests()
  if (wanted.kind === 'affected') return affectedFiles(all)
  const leftOut = leftOutOfGate()
  if (leftOut.faults.length > 0) fail('test/unstable.md', leftOut.faults)
  if (wanted.kind === 'gate')
    for (const file of leftOut.files) console.log(`left out  ${file}: test/unstable.md`)
  const files = selectTests(wanted, all, leftOut.files)
  if (files.length === 0 && wanted.others.length === 0) fail('no test file', ['nothing is tested'])
  return files
}

function affectedFiles(all) {
  const { commit, files } = changedSince(wanted.since)
  if (files.length === 0)
    fail('affected', [
      `nothing has changed since ${commit}`,
      'next: name a commit to compare with: npm run test:affected -- HEAD~1'
    ])
  const touched = new Set(testsTouchedBy(files))
  const found = all.filter((path) => touched.has(path) && isEndToEnd(path))
  const next = found.length === 0 ? '; npm test has what these changes touch' : ''
  console.log(`files changed since ${commit}: ${files.length}, e2e files: ${found.length}${next}`)
  return found
}

/** Linting, which takes minutes: it runs beside the compiler and the first tests. */
let linted = Promise.resolve()

async function checks() {
  const types = () => check('types', 'tsc', ['-p', '.'])
  if (['chosen', 'affected', 'stability'].includes(wanted.kind)) return types()
  linted = check('lint', 'eslint', ['--max-warnings', '0', '.'])
  await check('format', 'biome', ['format', '.'])
  await types()
}

/** Runs a program that makes what tests need. */
async function prepare(program, stdout) {
  const { code, output } = await run(process.execPath, [program], stdout)
  if (code !== 0) fail(program, [`it ended with ${code}`, ...output.trimEnd().split('\n')])
}

async function tests() {
  const files = testFiles()
  const where = named.length === 0 ? 'test/' : `the tier ${named.join(' or ')} of test/`
  for (const word of wanted.others.filter((each) => !files.some((path) => path.includes(each))))
    fail(`tests of ${word}`, [
      `no path of a test file below ${where} contains it`,
      'next: give a part of a path, e.g. npm test -- cli/profiles'
    ])
  if (files.length === 0) return
  // What bin/secco runs; without it these tests take the compiled files one by one, and longer.
  if (files.some((path) => tierOf(path) !== 'unit')) await prepare('build/image/bundle-main.js')
  // Most of these start a real API server, which is built once per machine: minutes that no test's time limit has.
  if (files.some(isEndToEnd)) await prepare('build/test/helpers/build-control-plane.js', 'inherit')
  await runTests(files)
}

let finished = false
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    stopAll(signal)
    for (const child of programs) child.kill(signal)
    process.exit(1)
  })
}
process.on('exit', () => {
  if (finished) return
  process.exitCode = 1
  console.log(`interrupted\n${sum.passed} passed, ${sum.failed + 1} failed, ${sum.skipped} skipped`)
})

const list = (title, lines) =>
  lines.length > 0 && console.log(`${title}:\n${lines.map((line) => `  ${line}`).join('\n')}`)

const endRun = beginRun()
await checks()
try {
  await tests()
} catch (error) {
  fail('running the tests', [String(error?.stack ?? error)])
}
await linted
endRun()
list('skipped', skips)
list(`unstable, at most ${maxUnstable} in a run`, unstable)
list('failed', failures)
printTime()
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`)
process.exitCode = sum.failed === 0 ? 0 : 1
finished = true
