import { findApiServer } from '../helpers/api-server-programs.js'
import { AttackedCluster, type AttackRound } from '../helpers/attacked-cluster.js'
import { type BenchRow, type Limit, toRow } from './row.js'

const slowdown = 'creation under attack by 12 clients: slower than without an attack'
const beside = 'the same without Secco'
const unprotected = 'the same: stored without a profile, or rejected'

export const attackedLimits: readonly Limit[] = [
  // 80 % of the rate.
  { case: slowdown, of: beside, most: 1.25 },
  { case: unprotected, of: 'median', most: 0 }
]

/** How much slower pods are created while 12 clients create hostile ones, with Secco and without it. */
export async function benchAttackedCreations({ rounds }: { rounds: number }): Promise<BenchRow[]> {
  const found = await findApiServer()
  if (found.programs === undefined) throw new Error(found.skip)
  const rig = await AttackedCluster.start(found.programs)
  const all: AttackRound[] = []
  try {
    for (let round = 0; round < rounds; round++) all.push(await rig.round())
    const { unprotected: missing } = await rig.stored()
    const failed = all.flatMap(({ reviewed }) => reviewed.map(({ ordinary }) => ordinary.others))
    const bad = missing.length + failed.reduce((sum, one) => sum + one, 0)
    const [own, without] = [
      toRow(
        slowdown,
        'times',
        all.map(({ withSecco }) => withSecco)
      ),
      toRow(
        beside,
        'times',
        all.map((one) => one.without)
      )
    ]
    const ratio = { [beside]: own.median / without.median }
    return [{ ...own, ratio }, without, toRow(unprotected, 'pods', [bad])]
  } finally {
    await rig.stop()
  }
}
