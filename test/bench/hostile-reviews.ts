import { excessiveReviews, hostileReviews, ordinaryReview } from '../helpers/hostile-reviews.js'
import { HostileRig } from '../helpers/hostile-rig.js'
import { type BenchRow, least, type Limit, toRow } from './row.js'

const worstBlock = 'hostile review: longest block of the event loop'
const worstCost = 'hostile review: CPU'

export const hostileLimits: readonly Limit[] = [
  { case: worstBlock, of: 'median', most: 20 },
  { case: worstCost, of: 'an ordinary review of its size', most: 3 }
]

/** What each hostile review costs the webhook, beside an ordinary one of its size in the same run. */
export async function benchHostileReviews({ rounds }: { rounds: number }): Promise<BenchRow[]> {
  const rig = new HostileRig()
  await rig.start()
  const rows: BenchRow[] = []
  const blocks: number[] = []
  const ratios: number[] = []
  for (const [what, body] of [...hostileReviews, ...excessiveReviews]) {
    const like = ordinaryReview(body.length)
    const block: number[] = []
    const [bad, good] = [[] as number[], [] as number[]]
    for (let round = 0; round < rounds; round++) {
      block.push(await rig.block(body))
      bad.push(await rig.cost(body))
      good.push(await rig.cost(like))
    }
    const ratio = least(bad) / least(good)
    blocks.push(Math.max(...block))
    ratios.push(ratio)
    const size = `${(body.length / 2 ** 20).toFixed(1)} MiB`
    rows.push(toRow(`${what}, ${size}: block`, 'ms', block))
    rows.push(
      toRow(`${what}, ${size}: CPU`, 'ms', bad, { 'an ordinary review of its size': ratio })
    )
  }
  rig.stop()
  const most = Math.max(...ratios)
  return [
    ...rows,
    toRow(worstBlock, 'ms', [Math.max(...blocks)]),
    toRow(worstCost, 'ratio', [most], { 'an ordinary review of its size': most })
  ]
}
