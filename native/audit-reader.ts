import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { nativeBuild } from './paths.js'

/** The kernel's audit records of seccomp, as text (audit-reader.c). */
export interface AuditReader {
  /** Why nothing can be read, in one sentence; undefined when it can. */
  problem: string | undefined
  /** Records that came faster than they were read, as often as the kernel said so. */
  lost(): number
  stop(): Promise<void>
}

/**
 * Starts to read. It fails where CAP_AUDIT_READ is missing or the kernel has no audit: that is said in
 * `problem`, not thrown.
 * @param onRecord is given the record's type (1326 seccomp, 1300 syscall) and its text.
 */
export async function openAuditReader(
  onRecord: (type: number, text: string) => void
): Promise<AuditReader> {
  let lost = 0
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
      else if (line === 'lost') lost += 1
      else resolve(line.replace(/^error /, ''))
    })
  })
  const problem = await started
  // Neither the pipe nor the child may keep a satellite from ending.
  child.unref()
  for (const pipe of [child.stdin, child.stdout]) (pipe as unknown as Socket).unref()
  return {
    problem,
    lost: () => lost,
    stop: async () => {
      child.stdin.end()
      await ended
    }
  }
}
