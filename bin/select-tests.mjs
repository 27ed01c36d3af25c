// Which test files a run has, and which checks go with them.
import { parseArgs } from 'node:util'
import { gate, tierOf, tiers } from './test-tiers.mjs'

function readWords(words) {
  const named = words.filter((word) => tiers.includes(word))
  return { named, others: words.filter((word) => !tiers.includes(word)) }
}

function readStability(args) {
  const options = { rounds: { type: 'string', default: '20' } }
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const rounds = Number(values.rounds)
  if (!Number.isSafeInteger(rounds) || rounds < 1)
    throw new Error(
      `--rounds ${values.rounds}: give the most rounds as a number from 1, e.g. --rounds 3`
    )
  return { kind: 'stability', rounds, ...readWords(positionals) }
}

/**
 * Reads the arguments of run-tests.mjs. `kind` is `gate` without any, `all`, `affected` (with a commit to compare with),
 * `stability` (with the most rounds), or `chosen`: for the last two `named` are tiers and `others` parts of paths.
 */
export function readArguments(args) {
  const [first, ...rest] = args
  if (args.includes('--help') || args.includes('-h')) return { kind: 'help', named: [], others: [] }
  const option = first === 'stability' ? undefined : args.find((word) => word.startsWith('-'))
  if (option !== undefined)
    throw new Error(`${option}: no option of npm test; see npm test -- --help`)
  if (first === undefined) return { kind: 'gate', named: [], others: [] }
  if (first === 'affected') return { kind: 'affected', named: [], others: [], since: rest[0] }
  if (first === 'stability') return readStability(rest)
  const words = first === 'all' ? rest : args
  const { named, others } = readWords(words)
  return { kind: words.length === 0 ? 'all' : 'chosen', named, others }
}

/** What `npm test -- --help` prints. */
export const usage = `npm test                     the checks and the tests of the gate
npm test -- WORD…            the test files whose path contains one of the words
npm test -- TIER…            the test files of these tiers: ${tiers.join(', ')}
npm test -- all [WORD…]      the tests of every tier but nightly
npm test -- affected [COMMIT]  the e2e files that the changes since a commit touch
npm test -- stability [--rounds N] [WORD…]  the tests again and again, beside a load
`

/** Returns the tiers whose files a run may have. */
function tiersOf({ kind, named, others }) {
  if (kind === 'gate') return gate
  if (kind === 'stability' && named.length + others.length === 0) return gate
  if (named.includes('nightly')) return tiers
  if (kind === 'all' || (kind === 'stability' && named.length === 0))
    return tiers.filter((tier) => tier !== 'nightly')
  return named.length === 0 && others.length > 0 ? tiers : named
}

/**
 * Returns those of all compiled test files that a run has. `leftOut` are sources that are not in the gate: see
 * unstable.mjs.
 */
export function selectTests(wanted, all, leftOut = []) {
  const own = tiersOf(wanted)
  const isLeftOut = (path) =>
    wanted.kind === 'gate' &&
    leftOut.some((source) => path === `build/${source.replace(/\.ts$/, '.js')}`)
  return all
    .filter((path) => own.includes(tierOf(path) ?? 'unit') && !isLeftOut(path))
    .filter(
      (path) => wanted.others.length === 0 || wanted.others.some((word) => path.includes(word))
    )
}
