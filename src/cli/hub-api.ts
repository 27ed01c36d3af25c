import { request } from 'node:http'
import { SeccoError } from '../errors.js'

/**
 * Reads one list of the running hub's HTTP API on loopback, e.g. `nodes`. UNAVAILABLE when it does not
 * answer within 5 s.
 */
export function readList<Item>(ui: string, list: string): Promise<Item[]> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => {
      reject(
        new SeccoError('UNAVAILABLE', `the hub at ${ui} does not answer: ${cause.message}`, {
          cause,
          hint: 'see whether `secco up` still runs'
        })
      )
    }
    const call = request(`${ui}/api/v1/${list}`, { timeout: 5000, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        try {
          resolve((JSON.parse(Buffer.concat(chunks).toString()) as { items: Item[] }).items)
        } catch (error) {
          fail(error instanceof Error ? error : new Error(String(error)))
        }
      })
    })
    call.once('timeout', () => call.destroy(new Error('no answer within 5 s')))
    call.once('error', fail)
    call.end()
  })
}
