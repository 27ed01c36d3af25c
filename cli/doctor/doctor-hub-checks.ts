import { toSeccoError } from '../../src/lib/errors.js'
import { plural } from '../../src/lib/plural.js'
import { type Check, verdictOf } from '../../webhook/ui/model/doctor.js'
import { Hub } from '../hubs/hub.js'
import { quickMs } from '../hubs/hub-api.js'
import { type Io, paint, plain } from '../lib/io.js'

/** The hub of a chain until a link finds the real one. */
export const noHub = new Hub([{ ui: '' }])

const signs = {
  good: ['green', '✓'],
  bad: ['red', '✗'],
  warn: ['yellow', '!'],
  unknown: ['yellow', '?']
} as const

/**
 * Returns the checks of the page Doctor; none where no hub was found, which a link of the chain says. If the hub does not
 * answer, or the user may not read them, one unknown check says so.
 */
export async function hubChecks(hub: Hub): Promise<Check[]> {
  if (hub === noHub) return []
  try {
    return await hub.list<Check>('/api/v1/doctor', quickMs)
  } catch (error) {
    const { message, hint } = toSeccoError(error)
    return [{ what: 'The hub lists its checks', verdict: 'unknown', found: message, next: hint }]
  }
}

/** Prints the checks of the page Doctor in its words, with the fixes. */
export function printHubChecks(io: Io, checks: readonly Check[]): void {
  if (checks.length === 0) return
  const said = `${plural(checks.length, 'check')} of the hub, as on its page Doctor`
  io.stdout(`\n${said}: ${verdictOf(checks)}\n`)
  const width = Math.max(...checks.map(({ what }) => what.length))
  for (const { what, verdict, found, next } of checks) {
    const [color, sign] = signs[verdict]
    io.stdout(`${paint(io, color, sign)} ${what.padEnd(width)}   ${plain(found)}\n`)
    if (next !== '') io.stdout(`  ${' '.repeat(width)}   next: ${plain(next)}\n`)
  }
}
