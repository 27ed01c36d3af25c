import { plural } from '../../../src/lib/plural.js'
import { startAtRiskText } from '../../../src/rules/explain.js'
import type { Assignment, GivenBy } from './assignment.js'

/** Returns where a profile is in force: `in force: 1 of 2 running containers (enforce)`. */
export function inForceText({ mode, inForce, containers }: Assignment): string {
  if (containers === 0) return 'in force: no container of it runs'
  const of = mode === '' ? '' : ` (${mode})`
  return `in force: ${inForce} of ${plural(containers, 'running container')}${of}`
}

/** Returns in how many containers a profile is in force, in few words: `1 of 2 in force`; empty where that is no question. */
export function inForceMark(assignment: Assignment | undefined): string {
  if (assignment === undefined) return ''
  const { mode, inForce, containers } = assignment
  return mode === '' || mode === 'learn' || containers === 0
    ? ''
    : `${inForce} of ${containers} in force`
}

const modeWords = ({ mode, startAtRisk }: GivenBy): string =>
  startAtRisk === true ? `${mode}, ${startAtRiskText}` : mode

const sourceText = (source: string): string =>
  source.startsWith('label ') ? `the ${source}` : `rule ${source}`

/**
 * Returns which containers run something else of a profile, and what gives it to pods, one sentence each: which rules and
 * labels do, for how many of the running containers, and why the others do not get it.
 */
export function givenTexts(assignment: Assignment): string[] {
  const { mode, containers, others = [], givenBy, notGiven, hidden } = assignment
  const kept = mode === 'learn' ? 'until the next restart' : 'not in the canary'
  const share = (count: number): string => `${count} of ${plural(containers, 'container')}`
  const older = others.map(
    ({ revision, mode: own, containers: count, isStale }) =>
      `${isStale ? 'stale' : kept}: ${share(count)} ${count === 1 ? 'has' : 'have'} ` +
      `${revision} (${own}) in the kernel`
  )
  const given = givenBy.map(
    (one) =>
      `given to new pods by ${sourceText(one.source)} (${modeWords(one)}): ${share(one.containers)}`
  )
  const not = notGiven.map((one) => `not given to new pods of ${share(one.containers)}: ${one.why}`)
  const other =
    hidden === 0 ? [] : [`not shown for ${share(hidden)}: you may not read their namespaces`]
  return [...older, ...given, ...not, ...other]
}
