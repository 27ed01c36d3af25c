// Format, lint, types, then every compiled test; ends with the line `N passed, N failed, N skipped`.
// `node bin/run-tests.mjs WORD…` runs only the types and the test files whose path contains one of the words.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { createTally } from './tap-tally.mjs'

process.chdir(join(import.meta.dirname, '..'))
const words = process.argv.slice(2)
const sum = { passed: 0, failed: 0, skipped: 0 }
const skips = []
const failures = []
let running

/** Starts a program of node_modules/.bin without stdin; gives its exit code, or a reason why it never had one. */
function run(name, args, onLine) {
  return new Promise((done) => {
    const child = spawn(join('node_modules/.bin', name), args, {
      stdio: ['ignore', 'pipe', onLine ? 'inherit' : 'pipe'],
      env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' }
    })
    running = child
    let output = ''
    if (onLine) createInterface({ input: child.stdout }).on('line', onLine)
    else
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text) => (output += text))
    child.on('error', (error) => done({ code: error.message, output }))
    child.on('close', (code, signal) => done({ code: code ?? signal, output }))
  })
}

async function check(title, name, args) {
  const started = Date.now()
  const { code, output } = await run(name, args)
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
  show(name, details)
}

function show(name, details) {
  console.log(`FAIL  ${name}`)
  for (const line of details.slice(0, 120)) console.log(`      ${line}`)
  if (details.length > 120) console.log(`      … and ${details.length - 120} lines more`)
}

/** `build/test/x.test.js` as people know it. */
const sourceOf = (compiled) => compiled.replace(/^build\//, '').replace(/\.test\.js\b/, '.test.ts')

function onReport(event) {
  if (event.kind === 'failed') {
    const name = sourceOf(event.name)
    failures.push(name)
    show(name, event.details)
    return
  }
  const counts = `${event.passed} passed${event.failed ? `, ${event.failed} failed` : ''}${event.skipped ? `, ${event.skipped} skipped` : ''}`
  console.log(
    `${event.failed ? 'FAIL' : 'ok  '}  ${sourceOf(event.name)}  ${counts}  ${event.time}`
  )
}

async function tap(files, options) {
  if (files.length === 0) return
  const tally = createTally(onReport)
  const args = [
    '--disable-coverage',
    '--allow-empty-coverage',
    '--reporter=tap',
    ...options,
    ...files
  ]
  const { code } = await run('tap', args, (line) => tally.line(line))
  tally.end()
  const { total } = tally
  sum.passed += total.passed
  sum.failed += total.failed
  sum.skipped += total.skipped
  skips.push(...total.skips.map(sourceOf))
  if (total.files < files.length) {
    fail(`tap reported ${total.files} of ${files.length} test files`, [`its exit code: ${code}`])
  } else if (code !== 0 && total.failed === 0) {
    fail('tap itself', [`it ended with ${code} although no test failed`])
  }
}

function testFiles() {
  const all = readdirSync('build/test', { recursive: true })
    .filter((path) => path.endsWith('.test.js'))
    .map((path) => join('build/test', path))
    .sort()
  return words.length === 0 ? all : all.filter((path) => words.some((word) => path.includes(word)))
}

/** Programs, kernel and containers want the machine for themselves; the rest may run side by side. */
const isAlone = (path) =>
  /^build\/test\/(native|satellite|e2e|bench|browser|kernels|src\/cli)\//.test(path)

/** Of these, most start a real API server, which is built once per machine: minutes that no test's time limit has. */
const wantsCluster = (path) => /\/(cluster|e2e)\/|\/kubernetes\./.test(path)

function buildControlPlane() {
  return new Promise((done) => {
    const child = spawn(process.execPath, ['build/test/helpers/build-control-plane.js'], {
      stdio: ['ignore', 'inherit', 'inherit']
    })
    running = child
    child.on('error', done)
    child.on('close', done)
  })
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    running?.kill(signal)
    console.log(
      `interrupted\n${sum.passed} passed, ${sum.failed + 1} failed, ${sum.skipped} skipped`
    )
    process.exit(1)
  })
}

if (words.length === 0) {
  await check('format', 'biome', ['format', '.'])
  await check('lint', 'eslint', ['--max-warnings', '0', '.'])
}
await check('types', 'tsc', ['-p', '.'])
try {
  const files = testFiles()
  if (files.length === 0) fail('tests', ['there is no compiled test file that fits'])
  if (files.some(wantsCluster)) await buildControlPlane()
  await tap(
    files.filter((path) => !isAlone(path)),
    ['--jobs=2', '--timeout=1200']
  )
  await tap(files.filter(isAlone), ['--jobs=1', '--timeout=1800'])
} catch (error) {
  fail('running the tests', [String(error?.stack ?? error)])
}
if (skips.length > 0) console.log(`skipped:\n${skips.map((line) => `  ${line}`).join('\n')}`)
if (failures.length > 0) console.log(`failed:\n${failures.map((line) => `  ${line}`).join('\n')}`)
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`)
process.exitCode = sum.failed === 0 ? 0 : 1
