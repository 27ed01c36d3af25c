import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'

/** A child that says a line of numbers, and then waits before each of its steps until it is told to go on. */
export interface HeldChild {
  pid: number
  /** Its first line. */
  numbers: number[]
  /** Lets it take its next step. @returns the line that it says then; undefined: it has ended. */
  go(): Promise<string | undefined>
  /** Its end. @throws Error with its own words when that is no good one. */
  ended: Promise<void>
  /** Ends it, however far it came. Never rejects. */
  kill(): Promise<void>
}

/**
 * Starts one of Secco's own programs as such a child.
 * @throws Error with its own words when it cannot begin.
 */
export async function startHeld(program: string, args: readonly string[]): Promise<HeldChild> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const closed = once(child, 'close')
  closed.catch(() => undefined)
  child.stdin.on('error', () => undefined)
  await once(child, 'spawn')
  const complaint = text(child.stderr).catch(() => '')
  const ended = closed.then(async () => {
    if (child.exitCode === 0) return
    const said = (await complaint).trim()
    throw new Error(
      said === '' ? `it ended with ${child.exitCode ?? child.signalCode ?? ''}` : said
    )
  })
  ended.catch(() => undefined)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string | undefined> => {
    const line = (await lines.next()) as IteratorResult<string, undefined>
    return line.value
  }
  const first = await next()
  const numbers = (first ?? '').split(' ').map(Number)
  if (first === undefined || numbers.some(Number.isNaN)) {
    child.kill('SIGKILL')
    if (first !== undefined) throw new Error(first)
    await ended
    throw new Error('the child ended without a word')
  }
  return {
    pid: child.pid ?? 0,
    numbers,
    go: () => {
      child.stdin.write('g')
      return next()
    },
    ended,
    kill: async () => {
      child.kill('SIGKILL')
      await closed
    }
  }
}
