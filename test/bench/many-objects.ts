import { findApiServer } from '../helpers/api-server-programs.js'
import { type AppliedObjects, applyManyObjects } from '../helpers/many-objects.js'
import { type BenchRow, type Limit, toRow } from './row.js'

const what = '300 profiles and 100 rules applied at once'
const allReady = `${what}: all Ready`
const statusWrites = `${what}: writes of one object's status`
const requests = `${what}: requests of the hub per object`

export const manyObjectsLimits: readonly Limit[] = [
  { case: allReady, of: 'median', most: 30 },
  { case: statusWrites, of: 'median', most: 2 }
]

/** How long a hub and a node take until everything that is applied at once is in force. */
export async function benchManyObjects({ rounds }: { rounds: number }): Promise<BenchRow[]> {
  const found = await findApiServer()
  if (found.programs === undefined) throw new Error(found.skip)
  const all: AppliedObjects[] = []
  for (let round = 0; round < rounds; round += 1)
    all.push(await applyManyObjects(found.programs, { profiles: 300, rules: 100 }))
  const row = (name: string, unit: string, value: (one: AppliedObjects) => number) =>
    toRow(name, unit, all.map(value))
  return [
    row(allReady, 's', ({ seconds }) => seconds),
    row(statusWrites, 'writes', ({ mostStatusWrites }) => mostStatusWrites),
    row(requests, 'requests', (one) => one.requests / 400)
  ]
}
