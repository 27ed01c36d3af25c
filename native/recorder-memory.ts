import { readdirSync, readFileSync } from 'node:fs'
import { openRecorder } from './recorder.js'
import type { RecorderOptions } from './types.js'

/** Bytes that the kernel says it holds for each map this process has open (proc(5), fdinfo; by map id). */
function mapMemory(): Map<string, number> {
  const found = new Map<string, number>()
  for (const fd of readdirSync('/proc/self/fdinfo')) {
    let said: string
    try {
      said = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
    } catch {
      continue // closed meanwhile
    }
    const id = /^map_id:\s*(\d+)$/m.exec(said)?.[1]
    const bytes = /^memlock:\s*(\d+)$/m.exec(said)?.[1]
    if (id !== undefined && bytes !== undefined) found.set(id, Number(bytes))
  }
  return found
}

/**
 * Kernel memory of a recorder, in bytes: one is opened and measured, not calculated.
 * @param options default: the recorder's own
 * @throws NativeUnavailable where none can be opened
 */
export function recorderMemory(options: Pick<RecorderOptions, 'slots' | 'btf'> = {}): number {
  const before = mapMemory()
  const recorder = openRecorder(options)
  try {
    let sum = 0
    for (const [id, bytes] of mapMemory()) if (!before.has(id)) sum += bytes
    return sum
  } finally {
    recorder.stop()
  }
}
