import { randomUUID } from 'node:crypto'
import { type IncomingMessage, request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { createInterface } from 'node:readline'
import { errnoOf } from '../../src/lib/durable-file.js'
import { type ErrorCode, errorKinds, SeccoError } from '../../src/lib/errors.js'
import { quoted } from '../../src/lib/shell-word.js'

/** Address of the HTTP API of a running hub, with the token that it may require. */
export interface HubAccess {
  ui: string
  /** Name of its pod in a cluster. */
  name?: string
  token?: string
  /** The user, recorded with changes. */
  user?: string
  /** The next step when it does not answer. */
  fix?: string
  /** Where the API server passes a request on to the hub, and what proves the user to the API server. */
  via?: (path: string, body: unknown) => Promise<{ url: string; options: RequestOptions }>
  /** Writes what the hub works out, under an id, until the signal fires: a user without a token writes changes alone. */
  writes?: (id: string, signal: AbortSignal) => Promise<void>
}

interface ErrorBody {
  code?: string
  message?: string
  hint?: string
}

function unavailable({ name, ui, fix }: HubAccess, cause: unknown): SeccoError {
  const which = name ?? `at ${ui}`
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new SeccoError('UNAVAILABLE', `the hub ${which} does not answer: ${reason}`, {
    ...{ cause, hint: fix ?? 'see whether `secco up` still runs' }
  })
}

async function errorOf(text: string, status: number): Promise<SeccoError> {
  let body: ErrorBody = {}
  if (/"kind":\s*"Status"/.test(text)) {
    // The API server rejected it. Loaded on use: the client takes longer to load than most verbs take to run.
    const { fromApiServer } = await import('../../src/store/kubernetes-errors.js')
    return fromApiServer({ statusCode: status, body: text }, 'hub')
  }
  try {
    body = JSON.parse(text) as ErrorBody
  } catch {
    // The answer is not from a hub of Secco.
  }
  // An API server that does not reach the hub answers 503 with a text.
  const other = status === 503 ? 'UNAVAILABLE' : 'INTERNAL'
  const known = Object.hasOwn(errorKinds, body.code ?? '') ? (body.code as ErrorCode) : other
  return new SeccoError(
    known,
    body.message ?? `the hub answered ${status}`,
    body.hint === undefined ? {} : { hint: body.hint }
  )
}

const changes: ReadonlySet<string> = new Set(
  ['mute', 'promote', 'rollback', 'block'].map((name) => `/api/v1/${name}`)
)

/** Returns whether a request changes something; the others only ask what a change would do. */
function isChange(path: string, body: unknown): boolean {
  const { yes, dryRun } = (body ?? {}) as { yes?: unknown; dryRun?: unknown }
  return path === '/api/v1/allow' ? yes === true : changes.has(path) && dryRun !== true
}

/** Returns the command that shows whether a change was stored. */
function showCommand(path: string, body: unknown): string {
  const { profile, namespace } = body as { profile?: unknown; namespace?: unknown }
  if (path.startsWith('/api/v1/block')) return 'secco block'
  if (typeof profile === 'string') return `secco profile show ${quoted(profile)}`
  return typeof namespace === 'string'
    ? `secco get profiles -n ${quoted(namespace)}`
    : 'secco get profiles -A'
}

/**
 * Returns what ended a request, and for a change whose answer was lost that it may have been stored. A connection that was
 * never opened carried nothing.
 */
function ofChange(thrown: unknown, path: string, body: unknown): unknown {
  if (!(thrown instanceof SeccoError) || thrown.code !== 'UNAVAILABLE') return thrown
  if (!isChange(path, body) || errnoOf(thrown.cause) === 'ECONNREFUSED') return thrown
  const { message, hint, retryAfter } = thrown
  return new SeccoError('UNAVAILABLE', `${message}; the change may have been stored`, {
    ...{ cause: thrown, hint: `see whether it was: \`${showCommand(path, body)}\`; else ${hint}` },
    ...(retryAfter === undefined ? {} : { retryAfter })
  })
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** Returns the headers that name the user. A hub behind the API server needs the token for changes alone. */
function proofOf({ user, token, via }: HubAccess, method: string): Record<string, string> {
  if (via !== undefined) {
    return token === undefined || method === 'GET' ? {} : { 'x-secco-token': token }
  }
  return {
    ...(user === undefined ? {} : { 'x-secco-user': user }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` })
  }
}

interface AskOptions {
  body?: unknown
  signal?: AbortSignal | undefined
  /** ms without an answer */
  timeout?: number
  /** The id under which this program waits for what it has to write. */
  writer?: string | undefined
}

async function open(
  access: HubAccess,
  method: string,
  path: string,
  { body, signal, timeout, writer }: AskOptions
): Promise<IncomingMessage> {
  const { url, options } = (await access.via?.(path, body)) ?? {
    url: `${access.ui}${path}`,
    options: { agent: false }
  }
  const request = url.startsWith('https:') ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const call = request(url, {
      ...{ ...options, method },
      ...(timeout === undefined ? {} : { timeout }),
      ...(signal === undefined ? {} : { signal }),
      headers: {
        ...(options.headers as Record<string, string> | undefined),
        'x-secco': '1',
        ...proofOf(access, method),
        ...(writer === undefined ? {} : { 'x-secco-writer': writer }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' })
      }
    })
    call.once('response', resolve)
    call.once('timeout', () => call.destroy(new Error('no answer in time')))
    call.once('error', (cause) => reject(unavailable(access, cause)))
    call.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/** Timeout for answers that the hub computes; quickMs is for those that it only reads. */
const workMs = 30_000
export const quickMs = 5000
/** A stream sends something every 15 s; without three of them its hub is gone, or the way there. */
const silentMs = 45_000

async function answerOf<Answer>(
  access: HubAccess,
  path: string,
  options: AskOptions
): Promise<Answer> {
  const method = options.body === undefined ? 'GET' : 'POST'
  const response = await open(access, method, path, options)
  const text = await bodyOf(response).catch((cause: unknown) => {
    throw unavailable(access, cause)
  })
  const status = response.statusCode ?? 0
  if (status >= 400) throw await errorOf(text, status)
  try {
    return JSON.parse(text) as Answer
  } catch (cause) {
    throw unavailable(access, cause)
  }
}

/**
 * Sends one request to the HTTP API of a running hub: a POST with a body, otherwise a GET.
 * @param timeout ms without an answer
 * @throws SeccoError UNAVAILABLE, or the error that the hub answers.
 */
export async function askHub<Answer>(
  access: HubAccess,
  path: string,
  body?: unknown,
  timeout = workMs,
  signal?: AbortSignal
): Promise<Answer> {
  const options = { body, timeout, ...(signal === undefined ? {} : { signal }) }
  if (body === undefined || signal !== undefined || access.writes === undefined) {
    return answerOf<Answer>(access, path, options).catch((thrown: unknown) => {
      throw ofChange(thrown, path, body)
    })
  }
  const writer = randomUUID()
  const answered = new AbortController()
  const asked = answerOf<Answer>(access, path, { ...options, writer })
  const writing = access.writes(writer, answered.signal)
  try {
    return await asked
  } catch (thrown) {
    throw ofChange(thrown, path, body)
  } finally {
    answered.abort()
    await writing
  }
}

/** Resolves when a hub answers, whatever it answers. @throws SeccoError UNAVAILABLE */
export async function reachHub(access: HubAccess, signal?: AbortSignal): Promise<void> {
  const response = await open(access, 'GET', '/login', { timeout: workMs, signal })
  const text = await bodyOf(response).catch((cause: unknown) => {
    throw unavailable(access, cause)
  })
  if (response.statusCode === 503) throw await errorOf(text, 503)
}

/**
 * Follows a stream of events until the signal fires or the stream ends, also when the connection breaks.
 * @throws SeccoError UNAVAILABLE when the stream does not open, or the error that the hub answers.
 */
export async function followHub(
  access: HubAccess,
  path: string,
  onEvent: (event: string, data: unknown) => void,
  signal: AbortSignal,
  onOpen: () => void = () => undefined
): Promise<void> {
  if (signal.aborted) return
  const response = await open(access, 'GET', path, { signal, timeout: silentMs }).catch(
    (error: unknown) => {
      if (signal.aborted) return undefined
      throw error
    }
  )
  if (response === undefined) return
  if ((response.statusCode ?? 0) >= 400) {
    throw await errorOf(await bodyOf(response), response.statusCode ?? 0)
  }
  onOpen()
  let event = 'message'
  response.on('error', () => undefined)
  try {
    for await (const line of createInterface({ input: response })) {
      if (line.startsWith('event: ')) event = line.slice(7)
      else if (line.startsWith('data: ')) onEvent(event, JSON.parse(line.slice(6)))
      else if (line === '') event = 'message'
    }
  } catch (error) {
    // The signal or the hub's end; anything else is an error of the listener.
    if (error !== response.errored) throw error
  }
}

/** Returns `?a=b&a=c` for the given members; undefined members are left out. */
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
