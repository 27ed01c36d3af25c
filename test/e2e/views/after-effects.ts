import type { Test } from 'tap'
import type { Actor } from './actor.js'
import { type Change, changes } from './changes.js'
import { type Difference, differences, type Facts, isMoving, nothing, printed } from './facts.js'

/** Figures of the whole installation: each profile and container counts in them. */
const totals: readonly RegExp[] = [
  /doctor .* \/ (Approved profiles are on all nodes|All rules can be used) \/ found$/,
  // The number of stale containers, which the summary and the metric below have as well, with what follows from it.
  /doctor .* \/ Containers run what a new one would get \/ (found|next|verdict)$/,
  /nodes.* \/ (n1|node-1) \/ revisions$/,
  /^GET \/api\/v1\/summary \/ body \/ (stale|denials)$/,
  /^(GET \/api\/v1\/denials \/ body|secco denials -o json \/ stdout) \/ (closed|muted)$/,
  /^GET \/metrics .* \/ secco_(profiles|rules|containers_stale|denials_open)(\{|$)/
]

/** Whether a list has become empty, or has items now: its items are facts of their own. */
const isEmptiness = ({ before, after }: Difference): boolean =>
  ['[]', '{}'].some((none) => [before, after].includes(none)) && [before, after].includes(nothing)

/** Whether a difference is about what was changed. The audit trail and the traces are about nothing else. */
function isAbout({ path, before, after }: Difference, { about, must }: Change): boolean {
  if (about.includes('')) return true
  if (about.length > 0 && totals.some((each) => each.test(path))) return true
  const isOwn = must.some((view) => /audit|traces/.test(view) && path.startsWith(view))
  return (
    isOwn || about.some((name) => new RegExp(`\\b${name}\\b`).test(`${path} ${before} ${after}`))
  )
}

/** Throws unless every view that must show a change does. */
function checkShown({ must }: Change, before: Facts, now: Facts): void {
  const found = differences(before, now)
  const missing = must.filter((view) => !found.some(({ path }) => path.startsWith(view)))
  if (missing.length > 0) throw new Error(`not changed: ${missing.join(', ')}`)
}

/** Returns the differences between two snapshots that are not about what was changed. */
function otherDifferences(change: Change, before: Facts, now: Facts): Difference[] {
  return differences(before, now).filter(
    (one) => !isMoving(one.path) && !isEmptiness(one) && !isAbout(one, change)
  )
}

/** An installation in which things are changed. */
interface Changed {
  actor: Actor
  /** Returns the views of data once they stay as they are and `check` does not throw. */
  settledData: (check?: (now: Facts) => void) => Promise<Facts>
  /** Further differences that are of any change, where the installation itself is seen in its views. */
  others?: readonly RegExp[]
  /** Changes that this installation does not have. */
  without?: readonly string[]
}

/** What changes something changes what it is about, and, once every node has it, nothing else. */
export async function afterEffects(
  t: Test,
  { actor, settledData, others: alwaysMoving = [], without = [] }: Changed
): Promise<void> {
  const isOther = (path: string): boolean => alwaysMoving.some((each) => each.test(path))
  let before = await settledData()
  for (const change of changes.filter(({ of }) => !without.includes(of))) {
    const words = [change.of, ...(change.what === undefined ? [] : [change.what])].join(', ')
    await change.run(actor)
    const start = before
    const isDone = (now: Facts) => {
      checkShown(change, start, now)
      const others = otherDifferences(change, start, now).filter(({ path }) => !isOther(path))
      if (others.length > 0) throw new Error(`changes something else: ${printed(others)}`)
    }
    const now = await settledData(isDone).catch(async (error: unknown) => {
      t.fail(words, { error: String(error) })
      return settledData()
    })
    t.pass(`${words}: ${differences(before, now).length} facts`)
    before = now
  }
}
