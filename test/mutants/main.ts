import { join } from 'node:path'
import { repositoryRoot } from '../helpers/repository.js'
import { endTests } from './run-test.js'
import { problemOf, runMutants, summaryOf } from './run-mutants.js'
import { table } from './table.js'

/**
 * `npm run test:mutants [-- WORD…]`: tries every mutant, or those whose row contains a word; 1 when a test should have
 * noticed one and did not, or when a row is wrong.
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
const words = process.argv.slice(2)
const chosen = table.filter(
  (mutant) => words.length === 0 || words.some((word) => JSON.stringify(mutant).includes(word))
)
if (chosen.length === 0) console.error('no row of test/mutants fits')

const results = await runMutants({
  ...{ root: repositoryRoot, mutants: chosen, jobs: 2, isAlone },
  mayEndEarly: (test) => tierOf(test) === 'unit',
  report: (result) => {
    const { mutant, outcome, seconds, detail } = result
    const word = mutant.survives !== undefined && outcome === 'survived' ? 'accepted' : outcome
    console.log(
      `${word.padEnd(9)}${mutant.id.padEnd(40)}${seconds.toFixed(1).padStart(6)} s  ${detail.slice(0, 200)}`
    )
  }
})

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
