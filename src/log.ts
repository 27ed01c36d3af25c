import { type DestinationStream, type Logger, pino } from 'pino'

export type { Logger } from 'pino'

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
    formatters: { level: (label: string) => ({ level: label }) }
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}
