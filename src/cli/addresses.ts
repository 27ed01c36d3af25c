import { SeccoError } from '../errors.js'

/** Reads HOST:PORT, [V6]:PORT or :PORT. INVALID_ARGUMENT names the option. */
export function parseAddress(text: string, option: string): { host: string; port: number } {
  const [, v6, host, port] = /^(?:\[([0-9a-fA-F:]+)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? []
  const number = Number(port)
  if (port === undefined || number > 65_535) {
    throw new SeccoError('INVALID_ARGUMENT', `${option} ${text}: not HOST:PORT`, {
      hint: 'write for example 127.0.0.1:9443; port 0 takes a free one'
    })
  }
  const given = v6 ?? host ?? ''
  return { host: given === '' ? '0.0.0.0' : given, port: number }
}

/** Reads a duration as Go and kubectl write it: 500ms, 30s, 5m, 2h. Gives milliseconds. */
export function parseDuration(text: string, option: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? []
  const factors = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const
  if (amount === undefined) {
    throw new SeccoError('INVALID_ARGUMENT', `${option} ${text}: not a duration`, {
      hint: 'write for example 30s, 5m or 1h'
    })
  }
  return Number(amount) * factors[unit as keyof typeof factors]
}
