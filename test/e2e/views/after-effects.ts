import type { Test } from 'tap'
import { type Change, changes } from './changes.js'
import { type Difference, differences, type Facts, isMoving, printed } from './facts.js'
import type { Scene } from './scene.js'

/** Figures of the whole installation: each profile and container counts in them. */
const totals: readonly RegExp[] = [
  /doctor .* \/ (Approved profiles are on all nodes|All rules can be used) \/ found$/,
  /nodes.* \/ n1 \/ revisions$/,
  /^GET \/api\/v1\/summary \/ body \/ stale$/,
  /^GET \/metrics .* \/ secco_(profiles|rules|containers_stale)(\{|$)/
]

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

/** What changes something changes what it is about, and nothing else. */
export async function afterEffects(t: Test, scene: Scene): Promise<void> {
  let before = await scene.settledData()
  for (const change of changes) {
    const words = [change.of, ...(change.what === undefined ? [] : [change.what])].join(', ')
    await change.run(scene)
    const start = before
    const isShown = (now: Facts) => checkShown(change, start, now)
    const now = await scene.settledData(isShown).catch(async (error: unknown) => {
      t.fail(words, { error: String(error) })
      return scene.settledData()
    })
    const found = differences(before, now).filter(({ path }) => !isMoving(path))
    const others = found.filter((one) => !isAbout(one, change))
    if (others.length > 0) t.fail(`${words}: changes something else`, { others: printed(others) })
    t.pass(`${words}: ${found.length} facts`)
    before = now
  }
}
