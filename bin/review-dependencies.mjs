// Reviews the npm packages that Secco's programs contain: licences, known vulnerabilities, signatures of the registry,
// newer versions.
//
//   npm run review:dependencies
//
// Exit 1: something was found. Exit 2: nothing was found, and a check could not be made.
import { spawnSync } from 'node:child_process'
import process from 'node:process'

/** Licences that allow distribution in a program under Apache-2.0 (https://www.apache.org/legal/resolved.html, category A). */
const allowed = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'PSF-2.0',
  'Unlicense'
])

const isAllowedFlat = (text) =>
  text.split(' OR ').some((all) => all.split(' AND ').every((one) => allowed.has(one.trim())))

/** True when each licence of an SPDX expression joined by AND, or one of those joined by OR, is allowed. */
function isAllowed(license) {
  let text = String(license)
  // The innermost parentheses first: a licence that is allowed, or none, stands for them.
  for (let inner = /\(([^()]*)\)/.exec(text); inner !== null; inner = /\(([^()]*)\)/.exec(text)) {
    text = text.replace(inner[0], isAllowedFlat(inner[1]) ? '0BSD' : 'UNLICENSED')
  }
  return isAllowedFlat(text)
}

function npm(...args) {
  const { stdout, stderr, status } = spawnSync('npm', args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28
  })
  return { stdout, stderr, status }
}

const row = (name, state, text) =>
  process.stdout.write(`${name.padEnd(16)}${state.padEnd(14)}${text}\n`)
let [found, unknown] = [0, 0]

function report(name, problems, fine) {
  if (problems.length === 0) return row(name, 'ok', fine)
  found += 1
  row(name, 'found', problems.join(', '))
}

function notChecked(name, { stdout, stderr }) {
  unknown += 1
  const lines = `${stderr}\n${stdout}`
    .split('\n')
    .map((line) => line.replace(/^npm error /, '').trim())
  row(
    name,
    'not checked',
    lines.find((line) => /^[a-z][^{}]*$/i.test(line)) ?? 'npm gave no reason'
  )
}

const packages = JSON.parse(npm('query', '.prod').stdout).filter(({ name }) => name !== 'secco')
report(
  'licences',
  packages
    .filter(({ license }) => !isAllowed(license))
    .map(({ name, license }) => `${name}: ${String(license)}`),
  `${packages.length} packages, all under licences that Apache-2.0 programs may contain`
)

const audit = npm('audit', '--omit=dev', '--json')
const { metadata, vulnerabilities } = JSON.parse(audit.stdout || '{}')
if (metadata === undefined) notChecked('vulnerabilities', audit)
else report('vulnerabilities', Object.keys(vulnerabilities), 'none known')

const signatures = npm('audit', 'signatures', '--json')
const { invalid, missing } = signatures.stdout.startsWith('{') ? JSON.parse(signatures.stdout) : {}
if (invalid === undefined) notChecked('signatures', signatures)
else
  report(
    'signatures',
    [...invalid, ...(missing ?? [])].map(({ name }) => name),
    'all valid'
  )

const outdated = Object.entries(JSON.parse(npm('outdated', '--omit=dev', '--json').stdout || '{}'))
const newer = outdated.filter(
  ([, one]) => one.current !== one.latest && one.type !== 'devDependencies'
)
row(
  'newer versions',
  newer.length === 0 ? 'ok' : 'there are',
  newer.map(([name, one]) => `${name} ${one.current} → ${one.latest}`).join(', ') || 'none'
)

process.exitCode = found > 0 ? 1 : unknown > 0 ? 2 : 0
