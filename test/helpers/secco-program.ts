import process from 'node:process'
import type { Command } from 'commander'
import type { Io } from '../../cli/lib/io.js'
import { buildProgram } from '../../cli/main.js'

/** Returns the real program of Secco, to look at its verbs and options, or to parse words. It prints nothing. */
export function seccoProgram(): Promise<Command> {
  const io: Io = {
    ...{ stdout: () => undefined, stderr: () => undefined, isTerminal: false, color: false },
    ...{ readFile: () => Promise.resolve(''), env: {} }
  }
  const { stdout, stderr } = process
  return buildProgram({
    ...{ io, argv: [], uid: 0, user: '', now: () => new Date(0), finish: () => undefined },
    streams: { stdout, stderr, isTerminal: false },
    stopSignal: () => new AbortController().signal
  })
}
