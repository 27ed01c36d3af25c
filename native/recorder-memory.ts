import { readdirSync, readFileSync } from 'node:fs'
import { openRecorder } from './recorder.js'
import type { RecorderOptions } from './types.js'

/** Returns the kernel memory of each map that this process has open, by map id (memlock in fdinfo, proc(5)). */
function mapMemory(): Map<string, number> {
  const found = new Map<string, number>()
  for (const fd of readdirSync('/proc/self/fdinfo')) {
    let info: string
    try {
      info = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
    } catch {
      continue // closed meanwhile
    }
    const id = /^map_id:\s*(\d+)$/m.exec(info)?.[1]
    const bytes = /^memlock:\s*(\d+)$/m.exec(info)?.[1]
    if (id !== undefined && bytes !== undefined) found.set(id, Number(bytes))
  }
  return found
}

/**
 * Opens a recorder and measures its kernel memory in bytes.
 * @param options default: the recorder's own
 * @throws NativeUnavailable if none can be opened
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
