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
