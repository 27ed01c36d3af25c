import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { createInterface } from 'node:readline'
import { nativeBuild } from './paths.js'

/** Reads the kernel's audit records of seccomp as text (native/programs/audit-reader.c). */
interface AuditReader {
  /** Returns why nothing can be read now, in one sentence; undefined if records are read. */
  problem(): string | undefined
  /** Returns how often the kernel dropped records that came too fast, and how often the reader ended. */
  lost(): number
  stop(): Promise<void>
}

const firstRetryMs = 1000
const longestRetryMs = 60_000

interface Reading {
  child: ChildProcessByStdio<Writable, Readable, null>
  /** Resolves with undefined when records are read, else with the reason why not. */
  started: Promise<string | undefined>
  ended: Promise<unknown>
}

function read(onRecord: (type: number, text: string) => void, onLost: () => void): Reading {
  const child = spawn(nativeBuild('secco-audit-reader'), [], { stdio: ['pipe', 'pipe', 'ignore'] })
  const ended = once(child, 'close').catch(() => undefined)
  child.stdin.on('error', () => undefined)
  const started = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', () => resolve('the reader ended'))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [, type, text] = /^(\d+) (.*)$/.exec(line) ?? []
      if (type !== undefined && text !== undefined) onRecord(Number(type), text)
      else if (line === 'ready') resolve(undefined)
      else if (line === 'lost') onLost()
      else resolve(line.replace(/^error /, ''))
    })
  })
  return { child, started, ended }
}

/**
 * Starts a reader, and starts another one when it ends. Where CAP_AUDIT_READ is missing or the kernel has no audit,
 * `problem` has the reason; nothing is thrown.
 * @param onRecord gets the record's type (1326 seccomp, 1300 syscall) and its text.
 */
export async function openAuditReader(
  onRecord: (type: number, text: string) => void
): Promise<AuditReader> {
  let lost = 0
  let problem: string | undefined
  let stopped = false
  let retryMs = firstRetryMs
  let timer: NodeJS.Timeout | undefined
  let reading: Reading | undefined

  async function start(): Promise<void> {
    const now = read(onRecord, () => (lost += 1))
    reading = now
    problem = await now.started
    // Neither the pipes nor the child keep the process from ending.
    now.child.unref()
    for (const pipe of [now.child.stdin, now.child.stdout]) (pipe as unknown as Socket).unref()
    if (problem !== undefined) return
    retryMs = firstRetryMs
    void now.ended.then(() => {
      lost += 1
      problem = 'the reader ended'
      restart()
    })
  }

  /** Starts a reader again after a time that doubles: it worked before, so the cause may pass. */
  function restart(): void {
    if (stopped) return
    timer = setTimeout(() => {
      // `problem` keeps the reason if no process can be started now.
      const started = start().catch(() => undefined)
      void started.then(() => {
        if (problem === undefined) return
        retryMs = Math.min(2 * retryMs, longestRetryMs)
        restart()
      })
    }, retryMs)
    timer.unref()
  }

  await start()
  return {
    problem: () => problem,
    lost: () => lost,
    stop: async () => {
      stopped = true
      clearTimeout(timer)
      reading?.child.ref()
      reading?.child.stdin.end()
      await reading?.ended
    }
  }
}
