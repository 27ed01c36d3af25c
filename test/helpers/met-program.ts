import { once } from 'node:events'
import { launchCommand } from '../../native/launcher.js'

/** A program that has said that it is there, under a filter, and waits. */
interface MetProgram {
  pid: number
  /** Lets it go on; resolves when it has ended. */
  go(): Promise<void>
}

/** Starts a mode of test/native/calls.c that meets: a byte on stdout when it is there, one on stdin to go on. */
export async function meetProgram(command: readonly string[]): Promise<MetProgram> {
  const launched = await launchCommand(command, { filter: true, stdio: 'pipe' })
  const { stdin, stdout } = launched.process
  if (stdin === null || stdout === null) throw new Error('no pipes')
  const ready = once(stdout, 'data')
  launched.go()
  await ready
  return {
    pid: launched.pid,
    go: async () => {
      stdin.write('g')
      await launched.ended
    }
  }
}
