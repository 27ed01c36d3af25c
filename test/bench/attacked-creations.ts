import type { ApiServerPrograms } from '../helpers/api-server-programs.js'
import { findApiServer } from '../helpers/api-server-programs.js'
import { AttackedCluster, type AttackRound, type DirectRound } from '../helpers/attacked-cluster.js'
import { type BenchRow, type Limit, toRow } from './row.js'

interface Attack {
  /** What the rows are named after. */
  what: string
  /** What it is compared with: no Secco; where the API server is attacked, a webhook for which it writes the same reviews. */
  beside: string
  /** Whether the webhook answers only callers with the API server's certificate. */
  isClientKnown: boolean
  /** Attacks the port of the webhook instead of the API server. */
  isDirect: boolean
}

const attacks: readonly Attack[] = [
  {
    what: 'creation under attack by 12 clients',
    ...{ beside: 'the same with a webhook that changes nothing' },
    ...{ isClientKnown: false, isDirect: false }
  },
  {
    what: 'creation while 12 connections attack the webhook',
    ...{
      beside: 'the same without Secco, beside that attack',
      isClientKnown: false,
      isDirect: true
    }
  },
  {
    what: 'creation while 12 connections attack the webhook with a client authority',
    ...{ beside: 'the same without Secco, beside that one', isClientKnown: true, isDirect: true }
  }
]

const slower = (what: string) => `${what}: slower than without an attack`
const unprotected = (what: string) => `${what}: stored without a profile, or rejected`

export const attackedLimits: readonly Limit[] = attacks.flatMap(({ what, beside }) => [
  // 80 % of the rate.
  { case: slower(what), of: beside, most: 1.25 },
  { case: unprotected(what), of: 'median', most: 0 }
])

/** How much slower creations are, with Secco and without it, and ordinary creations that were rejected. */
async function roundOf(rig: AttackedCluster, { isDirect }: Attack) {
  const failedOf = ({ reviewed }: AttackRound | DirectRound) =>
    reviewed.reduce((sum, { ordinary }) => sum + ordinary.others, 0)
  if (!isDirect) {
    const round = await rig.round()
    return { withSecco: round.withSecco, without: round.withPlain, failed: failedOf(round) }
  }
  const round = await rig.directRound(0)
  return { withSecco: 1 / round.withSecco, without: 1 / round.without, failed: failedOf(round) }
}

async function rowsOf(
  programs: ApiServerPrograms,
  attack: Attack,
  rounds: number
): Promise<BenchRow[]> {
  const { what, beside, isClientKnown } = attack
  const rig = await AttackedCluster.start(programs, undefined, isClientKnown)
  try {
    const all: Awaited<ReturnType<typeof roundOf>>[] = []
    for (let round = 0; round < rounds; round++) all.push(await roundOf(rig, attack))
    const bad = (await rig.stored()).unprotected.length
    const own = toRow(
      slower(what),
      'times',
      all.map(({ withSecco }) => withSecco)
    )
    const without = toRow(
      beside,
      'times',
      all.map((one) => one.without)
    )
    const failed = all.reduce((sum, one) => sum + one.failed, bad)
    const ratio = { [beside]: own.median / without.median }
    return [{ ...own, ratio }, without, toRow(unprotected(what), 'pods', [failed])]
  } finally {
    await rig.stop()
  }
}

/** How much slower pods are created while 12 clients create hostile ones or attack the webhook, with Secco and without it. */
export async function benchAttackedCreations({ rounds }: { rounds: number }): Promise<BenchRow[]> {
  const found = await findApiServer()
  if (found.programs === undefined) throw new Error(found.skip)
  const rows: BenchRow[] = []
  for (const attack of attacks) rows.push(...(await rowsOf(found.programs, attack, rounds)))
  return rows
}
