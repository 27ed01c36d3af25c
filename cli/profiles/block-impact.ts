import type { Radius } from '../../webhook/confinement/what-if/radius.js'
import type { BlockProgress } from '../../webhook/confinement/what-if/block-progress.js'
import { progressWords } from '../../webhook/confinement/what-if/block-words.js'
import { toSeccoError } from '../../src/lib/errors.js'
import { queryOf } from '../hubs/hub-api.js'
import type { Hub } from '../hubs/hub.js'
import { type Io, plain } from '../lib/io.js'
import { printRadius } from '../confinement/radius.js'

export type BlockImpact = BlockProgress & { users: Radius }

/** Finds the hub that knows what runs; undefined when there is none to ask. */
type FindHub = () => Promise<Hub | undefined>

/** Containers that are listed at most. */
const mostNamed = 50

function printProgress(io: Io, progress: BlockProgress): void {
  const { restart, unreached } = progress
  io.stderr(`${progressWords(progress)}\n`)
  for (const { name, node, command } of restart.slice(0, mostNamed)) {
    io.stderr(`  ${plain(name)} on ${node}: ${plain(command)}\n`)
  }
  if (restart.length > mostNamed) io.stderr(`  and ${restart.length - mostNamed} more\n`)
  for (const { name, node, why } of unreached.slice(0, mostNamed)) {
    io.stderr(`  ${plain(name)} on ${node} ${why}\n`)
  }
  if (unreached.length > mostNamed) io.stderr(`  and ${unreached.length - mostNamed} more\n`)
}

/** Prints a note when no hub answers, because a block must not fail for that reason. */
async function orNote<Answer>(io: Io, print: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await print()
  } catch (error) {
    const { message, code, hint } = toSeccoError(error)
    io.stderr(`the containers that use it are not known: ${message} (${code})\n  next: ${hint}\n`)
    return undefined
  }
}

interface ImpactQuestion {
  what: string
  isDryRun: boolean
  /** The answer is printed by the caller, for programs. */
  isObject: boolean
}

/** Prints or returns which workloads use the syscall, and which containers keep it until a restart; changes nothing. */
export function printBlockImpact(
  io: Io,
  find: FindHub,
  { what, isDryRun, isObject }: ImpactQuestion
): Promise<BlockImpact | undefined> {
  return orNote(io, async () => {
    const hub = await find()
    if (hub === undefined) return undefined
    // With a body it is recorded as an action: the question before a block is none.
    const impact = await (isDryRun
      ? hub.ask<BlockImpact>('/api/v1/block', { what, dryRun: true, force: true })
      : hub.ask<BlockImpact>(`/api/v1/block${queryOf({ what })}`))
    if (isObject) return impact
    const { users, ...progress } = impact
    printRadius(io, users, true)
    printProgress(io, progress)
    return impact
  })
}

/** Prints the progress of all blocks. */
export function printBlockProgress(io: Io, find: FindHub): Promise<void> {
  return orNote(io, async () => {
    const hub = await find()
    if (hub !== undefined) printProgress(io, await hub.ask<BlockProgress>('/api/v1/block'))
  })
}
