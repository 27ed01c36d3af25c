import type { Radius } from '../../webhook/confinement/what-if/blast-radius.js'
import type { BlockProgress } from '../../webhook/confinement/what-if/block-progress.js'
import { toSeccoError } from '../../src/lib/errors.js'
import type { Hub } from '../hubs/hub.js'
import { type Io, plain } from '../lib/io.js'
import { printRadius } from '../confinement/radius.js'

/** Finds the hub that knows what runs; undefined when there is none to ask. */
type FindHub = () => Promise<Hub | undefined>

/** Containers that are listed at most. */
const mostNamed = 50

function printProgress(io: Io, { restart, total, done, beyond }: BlockProgress): void {
  const closed = total - restart.length
  io.stderr(`${closed} of ${total} containers under Secco's profiles deny it (${done} %)\n`)
  for (const { name, node, command } of restart.slice(0, mostNamed)) {
    io.stderr(`  ${plain(name)} on ${node}: ${plain(command)}\n`)
  }
  if (restart.length > mostNamed) io.stderr(`  and ${restart.length - mostNamed} more\n`)
  if (beyond > 0)
    io.stderr(
      `${beyond} more containers run under profiles that a block does not change: list them with secco ps\n`
    )
}

/** Prints a note when no hub answers, because a block must not fail for that reason. */
async function orNote(io: Io, print: () => Promise<void>): Promise<void> {
  try {
    await print()
  } catch (error) {
    const { message, code, hint } = toSeccoError(error)
    io.stderr(`the containers that use it are not known: ${message} (${code})\n  next: ${hint}\n`)
  }
}

/** Prints which containers use the syscall, and which keep it until a restart; changes nothing. */
export function printBlockImpact(io: Io, find: FindHub, what: string): Promise<void> {
  return orNote(io, async () => {
    const hub = await find()
    if (hub === undefined) return
    const body = { what, dryRun: true, force: true }
    const { users, ...progress } = await hub.ask<BlockProgress & { users: Radius }>(
      '/api/v1/block',
      body
    )
    printRadius(io, users, true)
    printProgress(io, progress)
  })
}

/** Prints the progress of all blocks. */
export function printBlockProgress(io: Io, find: FindHub): Promise<void> {
  return orNote(io, async () => {
    const hub = await find()
    if (hub !== undefined) printProgress(io, await hub.ask<BlockProgress>('/api/v1/block'))
  })
}
