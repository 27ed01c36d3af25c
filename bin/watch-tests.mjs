// `npm run test:watch [-- WORD…]`: after each change, the unit tests that load what changed, directly or through other
// files. With words: the tiers that are named, and only files whose path contains one of the others. A change during a
// run stops it: the next run has its tests too.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { affectedBy } from './affected.mjs'
import { runFiles, sourceOf, stopAll } from './run-tap.mjs'
import { isShared, tierOf, tiers } from './test-tiers.mjs'
import { watchBuild } from './watch-build.mjs'

process.chdir(join(import.meta.dirname, '..'))
const words = process.argv.slice(2)
const named = words.filter((word) => tiers.includes(word))
const wanted = named.length === 0 ? ['unit'] : named
const others = words.filter((word) => !tiers.includes(word))

/** Compiled files that are younger have not been tested. */
let testedMs = Date.now()
let current = new AbortController()

function compiledFiles() {
  return readdirSync('build', { recursive: true })
    .filter((path) => path.endsWith('.js'))
    .map((path) => join('build', path))
}

function isWanted(path) {
  const fits = others.length === 0 || others.some((word) => path.includes(word))
  return path.endsWith('.test.js') && wanted.includes(tierOf(path)) && fits
}

async function runAffected() {
  const startedMs = Date.now()
  const files = compiledFiles()
  const changed = files.filter((path) => statSync(path).mtimeMs > testedMs)
  // Those that load what changed directly come first.
  const tests = affectedBy(
    changed,
    new Map(files.map((path) => [path, readFileSync(path, 'utf8')]))
  ).filter(isWanted)
  if (tests.length === 0) return console.log('waiting for a change')
  console.log(`running ${tests.length} test files`)
  const sum = { passed: 0, failed: 0 }
  current = new AbortController()
  const { signal } = current
  const late = await runFiles(tests, {
    ...{ signal, jobs: availableParallelism() },
    env: { NO_COLOR: '1', SECCO_FUZZ: process.env.SECCO_FUZZ ?? '0.1' },
    timeoutSeconds: 300,
    isShared,
    report: ({ kind, name, details }) => {
      if (kind === 'failed') console.log([`FAIL  ${sourceOf(name)}`, ...details].join('\n      '))
    },
    onFile: (_path, total) => {
      sum.passed += total.passed
      sum.failed += total.failed
    }
  })
  if (signal.aborted) return console.log('stopped: a file changed')
  if (late.length > 0)
    console.log(['FAIL  after the last test of a file', ...late].join('\n      '))
  sum.failed += late.length
  testedMs = startedMs
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1)
  console.log(`${tests.length} files: ${sum.passed} passed, ${sum.failed} failed (${seconds} s)`)
}

process.on('exit', () => stopAll('SIGTERM'))
watchBuild(runAffected, () => {
  current.abort()
  stopAll('SIGTERM')
})
