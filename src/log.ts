import { type DestinationStream, type Logger, pino } from 'pino'

export type { Logger } from 'pino'

/** JSON lines with `time` (RFC 3339), `level` as a word, `msg` and `component`; `kubectl logs` is the audit trail. */
export function createLogger(component: string, destination?: DestinationStream): Logger {
  const options = {
    base: { component },
    level: 'info',
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) }
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}
