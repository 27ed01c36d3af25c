import { EventEmitter } from 'node:events'
import { type DestinationStream, type Logger, pino } from 'pino'

export type { Logger } from 'pino'

/** Bytes of the log that wait for their disk at most. */
const mostPending = 16 * 1024 * 1024

let second = -1
let secondText = ''

/** RFC 3339 with milliseconds; all but those is formatted once a second. */
function timestamp(): string {
  const now = Date.now()
  const at = Math.floor(now / 1000)
  if (at !== second) {
    second = at
    secondText = new Date(at * 1000).toISOString().slice(0, 20)
  }
  return `,"time":"${secondText}${String(now % 1000).padStart(3, '0')}Z"`
}

/** Controls that JSON leaves as they are; terminals obey them. Those of ASCII it escapes itself. */
const controls = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** Escapes controls: a process chooses its name, and `kubectl logs` shows it on a terminal. */
const withoutControls = (line: string): string =>
  line.replace(controls, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** JSON lines with `time` (RFC 3339), `level` as a word, `msg` and `component`; `kubectl logs` is the audit trail. */
export function createLogger(component: string, destination?: DestinationStream): Logger {
  return createRootLogger(destination).child({ component })
}

/** The same without a component: a program's parts are its children, each with its own. */
export function createRootLogger(destination?: DestinationStream): Logger {
  const options = {
    base: null,
    level: 'info',
    timestamp,
    formatters: { level: (label: string) => ({ level: label }) },
    hooks: { streamWrite: withoutControls }
  }
  const to = destination ?? pino.destination({ fd: process.stdout.fd, maxLength: mostPending })
  survive(to)
  return pino(options, to)
}

/** Lines that cannot be written (a full disk) are lost, and that is reported; they neither end a program nor keep it alive. */
function survive(destination: DestinationStream): void {
  if (!(destination instanceof EventEmitter)) return
  const sonic = destination as EventEmitter & { flushSync?: () => void }
  const { flushSync } = sonic
  let works = true
  sonic.on('error', (error: Error) => {
    if (works) process.stderr.write(`secco: the log cannot be written: ${error.message}\n`)
    works = false
    // During exit it would retry forever.
    sonic.flushSync = () => undefined
  })
  sonic.on('write', () => {
    works = true
    if (flushSync !== undefined) sonic.flushSync = flushSync
  })
}
