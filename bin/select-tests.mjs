// Which test files a run has, and which checks go with them.
import { gate, tierOf, tiers } from './test-tiers.mjs'

/**
 * Reads the arguments of run-tests.mjs. `kind` is `gate` without any, `all`, `affected` (with a commit to compare with),
 * or `chosen`: then `named` are tiers and `others` parts of paths.
 */
export function readArguments(args) {
  const [first, ...rest] = args
  if (first === undefined) return { kind: 'gate', named: [], others: [] }
  if (first === 'affected') return { kind: 'affected', named: [], others: [], since: rest[0] }
  const words = first === 'all' ? rest : args
  const named = words.filter((word) => tiers.includes(word))
  const others = words.filter((word) => !tiers.includes(word))
  return { kind: words.length === 0 ? 'all' : 'chosen', named, others }
}

/** Returns the tiers whose files a run may have. */
function tiersOf({ kind, named, others }) {
  if (kind === 'gate') return gate
  if (named.includes('nightly')) return tiers
  if (kind === 'all') return tiers.filter((tier) => tier !== 'nightly')
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
