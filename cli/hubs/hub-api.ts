import { request, type IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { type ErrorCode, errorKinds, SeccoError } from '../../src/lib/errors.js'

/** Where the running hub's HTTP API is; with its token, where it asks for one. */
export interface HubAccess {
  ui: string
  /** Its pod, where it is one of several. */
  name?: string
  token?: string
  /** Who asks: recorded with what is changed. */
  user?: string
  /** What to do when it does not answer. */
  mend?: string
}

interface Refusal {
  code?: string
  message?: string
  hint?: string
}

/** @param access.mend the next step; default: that of this machine's own hub. */
function unavailable(
  { ui, mend = 'see whether `secco up` still runs' }: Pick<HubAccess, 'ui' | 'mend'>,
  cause: Error
): SeccoError {
  return new SeccoError('UNAVAILABLE', `the hub at ${ui} does not answer: ${cause.message}`, {
    cause,
    hint: mend
  })
}

function refusalOf(text: string, status: number): SeccoError {
  let told: Refusal = {}
  try {
    told = JSON.parse(text) as Refusal
  } catch {
    // Whatever answered is no hub of ours.
  }
  const known = Object.hasOwn(errorKinds, told.code ?? '') ? (told.code as ErrorCode) : 'INTERNAL'
  return new SeccoError(
    known,
    told.message ?? `the hub answered ${status}`,
    told.hint === undefined ? {} : { hint: told.hint }
  )
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

function open(
  access: HubAccess,
  method: string,
  path: string,
  { body, signal, timeout }: { body?: unknown; signal?: AbortSignal; timeout?: number }
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request(`${access.ui}${path}`, {
      ...{ method, agent: false },
      ...(timeout === undefined ? {} : { timeout }),
      ...(signal === undefined ? {} : { signal }),
      headers: {
        'x-secco': '1',
        ...(access.user === undefined ? {} : { 'x-secco-user': access.user }),
        ...(access.token === undefined ? {} : { authorization: `Bearer ${access.token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' })
      }
    })
    call.once('response', resolve)
    call.once('timeout', () => call.destroy(new Error('no answer in time')))
    call.once('error', (cause) => reject(unavailable(access, cause)))
    call.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/** For what the hub works out, and for what it only has. */
const workMs = 30_000
export const quickMs = 5000

/**
 * One question to the running hub's HTTP API; with a body a POST.
 * @param timeout ms without an answer
 * @throws SeccoError UNAVAILABLE, or what the hub answers with.
 */
export async function askHub<Answer>(
  access: HubAccess,
  path: string,
  body?: unknown,
  timeout = workMs
): Promise<Answer> {
  const method = body === undefined ? 'GET' : 'POST'
  const response = await open(access, method, path, { body, timeout })
  const text = await bodyOf(response)
  const status = response.statusCode ?? 0
  if (status >= 400) throw refusalOf(text, status)
  try {
    return JSON.parse(text) as Answer
  } catch (cause) {
    throw unavailable(access, cause instanceof Error ? cause : new Error(String(cause)))
  }
}

/** One list of the running hub's API, e.g. `nodes`. @throws as askHub */
export async function readList<Item>(access: HubAccess, list: string): Promise<Item[]> {
  const path = `/api/v1/${list}`
  return (await askHub<{ items: Item[] }>(access, path, undefined, quickMs)).items
}

/**
 * Follows a stream of events until the signal or the hub ends it.
 * @throws SeccoError UNAVAILABLE, or what the hub refuses with.
 */
export async function followHub(
  access: HubAccess,
  path: string,
  onEvent: (event: string, data: unknown) => void,
  signal: AbortSignal,
  onOpen: () => void = () => undefined
): Promise<void> {
  if (signal.aborted) return
  const response = await open(access, 'GET', path, { signal }).catch((error: unknown) => {
    if (signal.aborted) return undefined
    throw error
  })
  if (response === undefined) return
  if ((response.statusCode ?? 0) >= 400) {
    throw refusalOf(await bodyOf(response), response.statusCode ?? 0)
  }
  onOpen()
  const isAborted = (): boolean => signal.aborted
  let event = 'message'
  response.on('error', () => undefined)
  try {
    for await (const line of createInterface({ input: response })) {
      if (line.startsWith('event: ')) event = line.slice(7)
      else if (line.startsWith('data: ')) onEvent(event, JSON.parse(line.slice(6)))
      else if (line === '') event = 'message'
    }
  } catch (error) {
    // Ended by our own signal it is no failure.
    if (!isAborted()) throw error
  }
}

/** `?a=b&a=c` of what is given; undefined members are left out. */
export function queryOf(
  members: Readonly<Record<string, string | readonly string[] | undefined>>
): string {
  const query = new URLSearchParams()
  for (const [key, value] of Object.entries(members)) {
    if (typeof value === 'string') query.append(key, value)
    else for (const one of value ?? []) query.append(key, one)
  }
  const text = query.toString()
  return text === '' ? '' : `?${text}`
}
