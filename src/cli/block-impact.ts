import type { Radius } from '../../webhook/truth/blast-radius.js'
import type { BlockProgress } from '../../webhook/truth/block-progress.js'
import { toSeccoError } from '../errors.js'
import { askHub, type HubAccess } from './hub-api.js'
import { type Io, plain } from './io.js'
import { mergeRadius } from './merge-radius.js'
import { printRadius } from './radius.js'

/** The hubs that know what runs; undefined where none is to be asked. */
export type FindHubs = () => Promise<readonly HubAccess[] | undefined>

/** Containers that are named at most. */
const mostNamed = 50

/** Of several hubs: each knows what its own satellites see. */
function mergeProgress(answers: readonly BlockProgress[]): BlockProgress {
  const sum = (of: (one: BlockProgress) => number): number =>
    answers.reduce((all, one) => all + of(one), 0)
  const restart = answers.flatMap((one) => one.restart)
  const total = sum((one) => one.total)
  const done = total === 0 ? 100 : Math.floor((100 * (total - restart.length)) / total)
  return { restart, total, done, beyond: sum((one) => one.beyond) }
}

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
    const question = { what, dryRun: true, force: true }
    const answers = await Promise.all(
      hubs.map((hub) => askHub<BlockProgress & { users: Radius }>(hub, '/api/v1/block', question))
    )
    printRadius(io, mergeRadius(answers.map(({ users }) => users)), true)
    printProgress(io, mergeProgress(answers))
  })
}

/** How far everything that is blocked has come. */
export function printBlockProgress(io: Io, find: FindHubs): Promise<void> {
  return orSay(io, async () => {
    const hubs = await find()
    if (hubs === undefined) return
    const ask = (hub: HubAccess) => askHub<BlockProgress>(hub, '/api/v1/block')
    printProgress(io, mergeProgress(await Promise.all(hubs.map(ask))))
  })
}
