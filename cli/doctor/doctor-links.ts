import { setTimeout as delay } from 'node:timers/promises'
import { toSeccoError } from '../../src/lib/errors.js'
import { aborted } from '../lib/aborted.js'
import { type Io, paint, plain } from '../lib/io.js'
import { printObject } from '../lib/output.js'

/** Why a link does not hold. `fix` replaces the fix of the link, where that does not apply. */
export interface Broken {
  broken: string
  fix?: string
}

/** One link of the chain: what it proves, how, and how to fix it. */
export interface Link<Chain> {
  what: string
  fix: string
  /** Returns what was found. Throws, or returns undefined or `Broken`, when the link does not hold. */
  prove: (chain: Chain) => Promise<string | Broken | undefined>
}

export interface Step {
  what: string
  ok: boolean
  found: string
  /** The fix; empty when the link holds. */
  next: string
}

/** Default time that a link may take. */
export const patienceMs = 30_000
/** Time for answers that a working hub, webhook or satellite gives at once. */
export const promptMs = 10_000

/** Calls `ask` until it returns a value. Returns undefined when the time is over. */
export async function eventually<T>(
  ask: () => Promise<T | undefined>,
  forMs = patienceMs
): Promise<T | undefined> {
  for (const end = Date.now() + forMs; Date.now() < end; ) {
    const answer = await ask()
    if (answer !== undefined) return answer
    await delay(200)
  }
  return undefined
}

async function stepOf<Chain>({ what, fix, prove }: Link<Chain>, chain: Chain): Promise<Step> {
  try {
    const found = await prove(chain)
    if (typeof found === 'string') return { what, ok: true, found, next: '' }
    if (found === undefined)
      return { what, ok: false, found: `not within ${patienceMs / 1000} s`, next: fix }
    return { what, ok: false, found: found.broken, next: found.fix ?? fix }
  } catch (error) {
    return { what, ok: false, found: toSeccoError(error).message, next: fix }
  }
}

export type DoctorOutput = 'table' | 'json' | 'yaml'

/** Resolves when a person or the system ends the verb: what it made has to be removed then. */
async function stoppedStep(what: string, signal: AbortSignal): Promise<Step> {
  await aborted(signal)
  return { what, ok: false, found: `stopped by ${String(signal.reason)}`, next: '' }
}

/** Proves the links up to the first broken one, or until the signal, and prints each result. */
export async function walkLinks<Chain>(
  io: Io,
  output: DoctorOutput,
  links: readonly Link<Chain>[],
  chain: Chain,
  signal: AbortSignal
): Promise<Step[]> {
  const width = Math.max(...links.map(({ what }) => what.length))
  const steps: Step[] = []
  for (const link of links) {
    const broken = steps.some(({ ok }) => !ok)
    const step = broken
      ? { what: link.what, ok: false, found: 'not tried', next: '' }
      : await Promise.race([stoppedStep(link.what, signal), stepOf(link, chain)])
    steps.push(step)
    if (output !== 'table') continue
    const failed = broken ? paint(io, 'dim', '·') : paint(io, 'red', '✗')
    const sign = step.ok ? paint(io, 'green', '✓') : failed
    io.stdout(`${sign} ${step.what.padEnd(width)}   ${plain(step.found)}\n`)
    if (step.next !== '') io.stdout(`  ${' '.repeat(width)}   next: ${plain(step.next)}\n`)
  }
  return steps
}

/**
 * Prints the verdict below the links. @param more members for -o json and -o yaml
 * @returns the exit code: 0 when every link holds, otherwise 1
 */
export function conclude(
  io: Io,
  output: DoctorOutput,
  steps: readonly Step[],
  more: object = {}
): number {
  const good = steps.every(({ ok }) => ok)
  if (output !== 'table') printObject(io, output, { good, steps, ...more })
  else {
    const words = good ? 'the whole chain works' : 'the chain is broken at the first failed link'
    io.stdout(`${paint(io, good ? 'green' : 'red', words)}\n`)
  }
  return good ? 0 : 1
}
