import type { Radius } from '../../webhook/confinement/what-if/radius.js'
import type {
  BlockProgress,
  OpenContainer
} from '../../webhook/confinement/what-if/block-progress.js'
import { doubtText, progressWords } from '../../webhook/confinement/what-if/block-words.js'
import { quoted } from '../../src/lib/shell-word.js'
import { toSeccoError } from '../../src/lib/errors.js'
import { queryOf } from '../hubs/hub-api.js'
import type { Hub } from '../hubs/hub.js'
import { type Io, paint, plain } from '../lib/io.js'
import { printRadius } from '../confinement/radius.js'

export type BlockImpact = BlockProgress & { users: Radius }

/** Finds the hub that knows what runs; undefined when there is none to ask. */
type FindHub = () => Promise<Hub | undefined>

/** Containers that are listed at most. */
const mostNamed = 50

/** Options of the lists. */
interface ListOptions {
  /** Whether the lists are printed to their ends. */
  isWhole: boolean
  /** The command that prints them to their ends. */
  whole: string
}

/** Listed is a container in a list, with what follows its name. */
interface Listed extends Pick<OpenContainer, 'name' | 'node'> {
  then: string
  /** Absent: from an earlier hub. */
  certain?: boolean
}

function printProgress(io: Io, progress: BlockProgress, { isWhole, whole }: ListOptions): void {
  const { restart, unreached } = progress
  const list = (containers: readonly Listed[]): void => {
    const named = isWhole ? containers : containers.slice(0, mostNamed)
    for (const { name, node, then, certain = true } of named) {
      io.stderr(`  ${plain(name)} on ${node}${plain(then)}\n`)
      if (!certain) io.stderr(`    ${doubtText}\n`)
    }
    const more = containers.length - named.length
    if (more > 0) io.stderr(`  and ${more} more: \`${whole}\` lists all\n`)
  }
  const isDone = restart.length + unreached.length + progress.missingNodes === 0
  io.stderr(`${paint(io, isDone ? 'green' : 'yellow', progressWords(progress))}\n`)
  list(restart.map((one) => ({ ...one, then: `: ${one.command}` })))
  list(unreached.map((one) => ({ ...one, then: ` ${one.why}` })))
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
  /** Lists are printed to their ends. */
  isWhole?: boolean
}

/** Prints or returns which workloads use the syscall, and which containers keep it until a restart; changes nothing. */
export function printBlockImpact(
  io: Io,
  find: FindHub,
  { what, isDryRun, isObject, isWhole = false }: ImpactQuestion
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
    const whole = `secco block ${quoted(what)} --dry-run -o wide`
    printProgress(io, progress, { isWhole, whole })
    return impact
  })
}

/** Prints the progress of all blocks. */
export function printBlockProgress(io: Io, find: FindHub, isWhole = false): Promise<void> {
  return orNote(io, async () => {
    const hub = await find()
    if (hub === undefined) return
    const progress = await hub.ask<BlockProgress>('/api/v1/block')
    printProgress(io, progress, { isWhole, whole: 'secco block -o wide' })
  })
}
