import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

/** A process of test/bench/loop.c that makes calls when it is told to. */
export interface Loop {
  /** Of the process that makes the calls, or of what was put around it. */
  pid: number
  /** ns per call: this thread's CPU time, and time on the wall. */
  measure(calls: number): Promise<{ cpu: number; wall: number }>
  stop(): Promise<void>
}

/** @param around words in front of the program, such as strace's. */
export function startLoop(program: string, subject: string, around: readonly string[] = []): Loop {
  const [command, ...args] = [...around, program, subject]
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'inherit']
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    pid: child.pid ?? 0,
    async measure(calls) {
      child.stdin.write(`${calls}\n`)
      const line = (await lines.next()) as IteratorResult<string, undefined>
      if (line.value === undefined) throw new Error(`the loop '${subject}' ended: it needs root`)
      const [cpu = Number.NaN, wall = Number.NaN] = line.value.split(' ').map(Number)
      return { cpu, wall }
    },
    async stop() {
      child.stdin.end()
      if (child.exitCode === null) await once(child, 'exit')
    }
  }
}
