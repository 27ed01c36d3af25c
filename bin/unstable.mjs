// Reads test/unstable.md: test files that are red by chance and out of the gate until their cause is repaired.
import { existsSync, readFileSync } from 'node:fs'
import { gate, tierOf } from './test-tiers.mjs'

const maxListed = 5

/**
 * Returns the rows of its table: the file, a commit, what was seen to pass and to fail on it, and a suspicion. A row
 * with cells missing has undefined ones.
 */
export function readUnstable(text) {
  const rows = text.split('\n').filter((line) => line.startsWith('|'))
  return rows.slice(2).map((line) => {
    const cells = line.split('|').slice(1, -1)
    const [file, commit, passed, failed, suspicion] = cells.map((cell) => cell.trim())
    return { file: (file ?? '').replaceAll('`', ''), commit, passed, failed, suspicion }
  })
}

/** Tests of what must never be left out: attacks, promises of enforcement and loss, the smoke tier and the house rules. */
function isPromise(file, attacks) {
  if (attacks.includes(`\`${file}\``) || tierOf(file) === 'smoke') return true
  return /^test\/house\/|attack|hostile|enforce|denial|loss|lost|exact|recorder|filter/.test(file)
}

/** Returns what is wrong with the rows, a line each. @param attacks the text of docs/reference/attacks.md */
export function faultsOf(rows, attacks) {
  const faults = rows.length > maxListed ? [`at most ${maxListed} files at a time`] : []
  for (const { file, commit = '', ...cells } of rows) {
    if (!existsSync(file)) faults.push(`${file} does not exist`)
    if (!gate.includes(tierOf(file) ?? '')) faults.push(`${file} is not in the gate`)
    if (isPromise(file, attacks)) faults.push(`${file} tests a promise: repair it`)
    if (!/^[0-9a-f]{8,40}$/.test(commit)) faults.push(`${file}: the commit is missing`)
    for (const name of ['passed', 'failed', 'suspicion'])
      if ((cells[name] ?? '') === '') faults.push(`${file}: ${name} is missing`)
  }
  return faults
}

/** Returns the files that are left out of the gate, and what is wrong with their list. */
export function leftOutOfGate() {
  const rows = readUnstable(readFileSync('test/unstable.md', 'utf8'))
  const faults = faultsOf(rows, readFileSync('docs/reference/attacks.md', 'utf8'))
  return { files: rows.map(({ file }) => file), faults }
}
