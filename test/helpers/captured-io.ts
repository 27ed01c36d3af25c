import { readFile } from 'node:fs/promises'
import type { Io } from '../../cli/lib/io.js'

/** Returns an Io for a verb that a test calls, what the verb printed so far, and its stdout as JSON. */
export function captureIo() {
  const printed = { stdout: '', stderr: '' }
  const io: Io = {
    stdout: (text) => void (printed.stdout += text),
    stderr: (text) => void (printed.stderr += text),
    ...{ isTerminal: false, color: false, env: {} },
    readFile: (path) => readFile(path, 'utf8')
  }
  return { io, printed, json: () => JSON.parse(printed.stdout) as Record<string, unknown> }
}
