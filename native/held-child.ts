import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'

/** A child process that prints a line of numbers and then waits for a byte before each of its steps. */
export interface HeldChild {
  pid: number
  /** The numbers of its first line. */
  numbers: number[]
  /** Starts its next step and resolves with the line that it prints then; undefined if it has ended. */
  go(): Promise<string | undefined>
  /** Resolves at its end. @throws Error with its own message if it failed. */
  ended: Promise<void>
  /** Kills it and waits for its end. Never rejects. */
  kill(): Promise<void>
}

/**
 * Starts one of Secco's own programs as a held child.
 * @throws Error with its own message if it cannot start.
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
    const message = (await complaint).trim()
    throw new Error(
      message === '' ? `it ended with ${child.exitCode ?? child.signalCode ?? ''}` : message
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
    throw new Error('the child ended without output')
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
