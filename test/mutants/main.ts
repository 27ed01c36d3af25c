import { join } from 'node:path'
import { repositoryRoot } from '../helpers/repository.js'
import { endTests } from './run-test.js'
import { MutantRecord, stateOf } from './record.js'
import { type MutantResult, problemOf, runMutants, summaryOf } from './run-mutants.js'
import { table } from './table.js'

/**
 * `npm run test:mutants [-- --resume] [WORD…]`: tries every mutant, or those whose row contains a word; 1 when a test should
 * have noticed one and did not, or when a row is wrong. With --resume it goes on where a run of the same checkout ended.
 */
const { tierOf, isAlone } = (await import(join(repositoryRoot, 'bin/test-tiers.mjs'))) as {
  tierOf: (test: string) => string | undefined
  isAlone: (test: string) => boolean
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    endTests()
    process.exit(1)
  })
}
const words = process.argv.slice(2).filter((word) => word !== '--resume')
const chosen = table.filter(
  (mutant) => words.length === 0 || words.some((word) => JSON.stringify(mutant).includes(word))
)
if (chosen.length === 0) console.error('no row of test/mutants fits')

const record = new MutantRecord(
  join(repositoryRoot, 'build/mutants.jsonl'),
  stateOf(repositoryRoot),
  process.argv.includes('--resume')
)
const earlier = chosen.flatMap((mutant) => record.earlier(mutant) ?? [])
const known = new Set(earlier.map(({ mutant }) => mutant.id))
const left = chosen.filter(({ id }) => !known.has(id))
if (known.size > 0) console.log(`${known.size} of ${chosen.length} were tried before`)

function report(result: MutantResult): void {
  const { mutant, outcome, seconds, detail } = result
  record.add(result)
  const word = mutant.survives !== undefined && outcome === 'survived' ? 'accepted' : outcome
  console.log(
    `${word.padEnd(9)}${mutant.id.padEnd(40)}${seconds.toFixed(1).padStart(6)} s  ${detail.slice(0, 200)}`
  )
}

const tried = await runMutants({
  ...{ root: repositoryRoot, mutants: left, jobs: 2, isAlone, report },
  mayEndEarly: (test) => tierOf(test) === 'unit'
})
const results = [...earlier, ...tried]

console.log(`\n${summaryOf(results).join('\n')}`)
const wrong = results.flatMap((result) => {
  const problem = problemOf(result)
  return problem === undefined ? [] : [{ ...result, problem }]
})
for (const { mutant, problem } of wrong) {
  console.log(`\n${mutant.id}: ${problem}\n  ${mutant.promise}\n  ${mutant.file}`)
  console.log(`  tests: ${mutant.tests.join(', ')}`)
}
for (const { mutant } of results.filter((one) => one.mutant.survives !== undefined))
  console.log(`\n${mutant.id}: may survive: ${mutant.survives ?? ''}`)
process.exitCode = wrong.length === 0 && chosen.length > 0 ? 0 : 1
