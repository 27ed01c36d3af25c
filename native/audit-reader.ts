import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { createInterface } from 'node:readline'
import { nativeBuild } from './paths.js'

/** The kernel's audit records of seccomp, as text (audit-reader.c). */
export interface AuditReader {
  /** Why nothing can be read now, in one sentence; undefined when it can. */
  problem(): string | undefined
  /** Records that came faster than they were read, as often as the kernel said so, and times that nobody read. */
  lost(): number
  stop(): Promise<void>
}

const firstRetryMs = 1000
const longestRetryMs = 60_000

interface Reading {
  child: ChildProcessByStdio<Writable, Readable, null>
  /** undefined: it reads. */
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
 * Starts to read, and reads on when the reader ends. It fails where CAP_AUDIT_READ is missing or the kernel has no
 * audit: that is said in `problem`, not thrown.
 * @param onRecord is given the record's type (1326 seccomp, 1300 syscall) and its text.
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

  async function begin(): Promise<void> {
    const now = read(onRecord, () => (lost += 1))
    reading = now
    problem = await now.started
    // Neither the pipe nor the child may keep a satellite from ending.
    now.child.unref()
    for (const pipe of [now.child.stdin, now.child.stdout]) (pipe as unknown as Socket).unref()
    if (problem !== undefined) return
    retryMs = firstRetryMs
    void now.ended.then(() => {
      lost += 1
      problem = 'the reader ended'
      again()
    })
  }

  /** It worked before: what keeps it from that now may pass. */
  function again(): void {
    if (stopped) return
    timer = setTimeout(() => {
      // Where no process can be started now, `problem` says so still.
      const begun = begin().catch(() => undefined)
      void begun.then(() => {
        if (problem === undefined) return
        retryMs = Math.min(2 * retryMs, longestRetryMs)
        again()
      })
    }, retryMs)
    timer.unref()
  }

  await begin()
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
