import { request } from 'node:http'
import { type ErrorCode, errorKinds, SeccoError } from '../errors.js'
import type { ApiAccess } from './state.js'

export type Access = Pick<ApiAccess, 'ui' | 'token'> & { user?: string }

interface Refusal {
  code?: string
  message?: string
  hint?: string
}

function asError(body: string, status: number): SeccoError {
  const { code = '', message, hint } = JSON.parse(body) as Refusal
  const known = Object.hasOwn(errorKinds, code) ? (code as ErrorCode) : 'INTERNAL'
  return new SeccoError(
    known,
    message ?? `the hub answered ${status}`,
    hint === undefined ? {} : { hint }
  )
}

/**
 * One request of the running hub's HTTP API on loopback, as the pages make it. UNAVAILABLE when it does not
 * answer within 5 s; else the error that it answers with.
 */
export function callApi<Answer>(
  access: Access,
  method: string,
  path: string,
  body?: unknown
): Promise<Answer> {
  const { ui, token, user } = access
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => {
      reject(
        new SeccoError('UNAVAILABLE', `the hub at ${ui} does not answer: ${cause.message}`, {
          cause,
          hint: 'see whether `secco up` still runs'
        })
      )
    }
    const headers = {
      authorization: `Bearer ${token}`,
      'x-secco': '1',
      ...(user === undefined ? {} : { 'x-secco-user': user }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' })
    }
    const options = { method, headers, timeout: 5000, agent: false } as const
    const call = request(`${ui}${path}`, options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const status = response.statusCode ?? 0
        try {
          if (status < 400) resolve(JSON.parse(text) as Answer)
          else reject(asError(text, status))
        } catch (error) {
          fail(error instanceof Error ? error : new Error(String(error)))
        }
      })
    })
    call.once('timeout', () => call.destroy(new Error('no answer within 5 s')))
    call.once('error', fail)
    call.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/** Reads one list of the running hub's API, e.g. `nodes`. */
export async function readList<Item>(access: Access, list: string): Promise<Item[]> {
  return (await callApi<{ items: Item[] }>(access, 'GET', `/api/v1/${list}`)).items
}
