import type { Radius } from '../../webhook/confinement/what-if/blast-radius.js'
import type { BlockProgress } from '../../webhook/confinement/what-if/block-progress.js'
import { toSeccoError } from '../../src/lib/errors.js'
import { mergeBlocks, mergeProgress } from '../hubs/merge/block.js'
import { askHubs, type Hubs } from '../hubs/hubs.js'
import { type Io, plain } from '../lib/io.js'
import { sayMissing } from '../lib/missing-hubs.js'
import { printRadius } from '../confinement/radius.js'

/** The hubs that know what runs; undefined where none is to be asked. */
export type FindHubs = () => Promise<Hubs | undefined>

/** Containers that are named at most. */
const mostNamed = 50

function printProgress(io: Io, { restart, total, done, beyond }: BlockProgress): void {
  const closed = total - restart.length
  io.stderr(`${closed} of ${total} containers under our profiles refuse it (${done} %)\n`)
  for (const { name, node, command } of restart.slice(0, mostNamed)) {
    io.stderr(`  ${plain(name)} on ${node}: ${plain(command)}\n`)
  }
  if (restart.length > mostNamed) io.stderr(`  and ${restart.length - mostNamed} more\n`)
  if (beyond > 0)
    io.stderr(
      `${beyond} more run under no profile that a block changes: secco ps says under what\n`
    )
}

/** A block is not held up by a hub that does not answer: it is said that nobody knows who is hit. */
async function orSay(io: Io, print: () => Promise<void>): Promise<void> {
  try {
    await print()
  } catch (error) {
    const { message, code, hint } = toSeccoError(error)
    io.stderr(`who asks for it is not known: ${message} (${code})\n  next: ${hint}\n`)
  }
}

/** Who uses what is to be blocked, and who keeps it until a restart; nothing is changed. */
export function printBlockImpact(io: Io, find: FindHubs, what: string): Promise<void> {
  return orSay(io, async () => {
    const hubs = await find()
    if (hubs === undefined) return
    const body = { what, dryRun: true, force: true }
    const { answers, missing } = await askHubs<BlockProgress & { users: Radius }>(
      hubs,
      '/api/v1/block',
      { body }
    )
    const { users, ...progress } = mergeBlocks(answers)
    sayMissing(io, missing)
    printRadius(io, users, true)
    printProgress(io, progress)
  })
}

/** How far everything that is blocked has come. */
export function printBlockProgress(io: Io, find: FindHubs): Promise<void> {
  return orSay(io, async () => {
    const hubs = await find()
    if (hubs === undefined) return
    const { answers, missing } = await askHubs<BlockProgress>(hubs, '/api/v1/block')
    sayMissing(io, missing)
    printProgress(io, mergeProgress(answers))
  })
}
