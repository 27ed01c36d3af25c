import { SeccoError } from '../../src/lib/errors.js'

/** Reads HOST:PORT, [V6]:PORT or :PORT. @throws SeccoError INVALID_ARGUMENT that names the option */
export function parseAddress(text: string, option: string): { host: string; port: number } {
  const [, v6, host, port] = /^(?:\[([0-9a-fA-F:]+)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? []
  const number = Number(port)
  if (port === undefined || number > 65_535) {
    throw new SeccoError('INVALID_ARGUMENT', `${option} ${text}: not HOST:PORT`, {
      hint: 'write for example 127.0.0.1:9443; port 0 chooses a free port'
    })
  }
  const given = v6 ?? host ?? ''
  return { host: given === '' ? '0.0.0.0' : given, port: number }
}

/** Reads a loopback address (127.0.0.0/8, ::1). @throws SeccoError INVALID_ARGUMENT for any other */
export function parseLoopback(text: string, option: string): { host: string; port: number } {
  const address = parseAddress(text, option)
  if (/^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(address.host)) return address
  throw new SeccoError('INVALID_ARGUMENT', `${option} ${text}: is not a loopback address`, {
    hint: 'the pages are served without TLS: keep them on 127.0.0.1, and reach them through a tunnel, as with ssh -L'
  })
}
