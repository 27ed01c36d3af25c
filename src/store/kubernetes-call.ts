import { Agent as HttpAgent, type RequestOptions, request as httpRequest } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node'
import { SeccoError } from '../lib/errors.js'
import { fromApiServer } from './kubernetes-errors.js'
import type { RawObject } from './kubernetes-reflector.js'

/** One call of the API server: JSON in and out; a rejection is a SeccoError in the server's words. */
export type ApiCall = (
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  options?: {
    query?: Readonly<Record<string, string | number | boolean>>
    body?: unknown
    contentType?: string
    timeoutMs?: number
    /** Whether it does no harm to make the call twice; default: all but POST. */
    isRepeatable?: boolean
    /** What the call does, for its errors; default: method and path. */
    what?: string
  }
) => Promise<unknown>

/** No answer in this time is a failure. */
const defaultTimeoutMs = 15_000

/** The API server closes a connection without requests after 90 s: one that is used again by then has a margin. */
const idle = { keepAlive: true, timeout: 60_000 }
/** Shared: the connections of one agent are kept apart by what TLS depends on. */
const agents = { 'http:': new HttpAgent(idle), 'https:': new Agent(idle) }

interface ApiResponse {
  status: number
  text: string
}

/**
 * Whether a request failed because the server had closed the kept connection that it was sent on, for example because
 * the API server was restarted. See the documentation of Node's request.reusedSocket.
 */
class StaleConnection extends Error {}

function send(
  url: URL,
  options: RequestOptions,
  payload: string | undefined
): Promise<ApiResponse> {
  return new Promise((resolve, reject) => {
    const start = url.protocol === 'http:' ? httpRequest : httpsRequest
    const outgoing = start(url, options, (incoming) => {
      let text = ''
      incoming.setEncoding('utf8')
      incoming.on('data', (chunk: string) => (text += chunk))
      incoming.on('error', reject)
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text }))
    })
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      const isStale = outgoing.reusedSocket && ['ECONNRESET', 'EPIPE'].includes(error.code ?? '')
      reject(isStale ? new StaleConnection(error.message, { cause: error }) : error)
    })
    outgoing.end(payload)
  })
}

/**
 * Plain calls beside the library's typed ones: those turn every object into classes and dates, which
 * for the pods of a large cluster costs more than everything done with them.
 * Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, CONFLICT, INVALID_DOCUMENT, TOO_LARGE, UNAVAILABLE.
 */
export function createApiCall(config: KubeConfig): ApiCall {
  async function ask(...[method, path, given = {}]: Parameters<ApiCall>): Promise<ApiResponse> {
    const cluster = config.getCurrentCluster()
    if (cluster === null)
      throw new SeccoError('INVALID_DOCUMENT', 'the kubeconfig names no cluster')
    const url = new URL(`${cluster.server.replace(/\/$/, '')}${path}`)
    for (const [name, value] of Object.entries(given.query ?? {})) {
      url.searchParams.set(name, String(value))
    }
    const options: RequestOptions = {}
    // Each time: tokens and certificates are renewed behind it.
    await config.applyToHTTPSOptions(options)
    // Theirs keeps the certificates that it was made with; ours goes by those of the request. What creates an object
    // cannot be repeated when a kept connection turns out to be closed: it gets a new one.
    const kept = url.protocol === 'http:' ? agents['http:'] : agents['https:']
    const { isRepeatable = method !== 'POST' } = given
    if (cluster.proxyUrl === undefined) options.agent = isRepeatable && kept
    const payload = given.body === undefined ? undefined : JSON.stringify(given.body)
    const type = given.contentType ?? 'application/json'
    const headers = {
      ...(options.headers as Record<string, string> | undefined),
      accept: 'application/json',
      ...(payload === undefined
        ? {}
        : { 'content-type': type, 'content-length': Buffer.byteLength(payload) })
    }
    const signal = AbortSignal.timeout(given.timeoutMs ?? defaultTimeoutMs)
    const on = (agent: RequestOptions['agent']): Promise<ApiResponse> =>
      send(url, { ...options, method, headers, signal, agent }, payload)
    return on(options.agent).catch((error: unknown) => {
      if (error instanceof StaleConnection) return on(false)
      throw error
    })
  }

  return async (...args) => {
    const [method, path, { what = `${method} ${path}` } = {}] = args
    try {
      const { status, text } = await ask(...args)
      if (status >= 400) {
        throw Object.assign(new Error(`HTTP ${status}`), { statusCode: status, body: text })
      }
      return JSON.parse(text) as unknown
    } catch (error) {
      throw fromApiServer(error, what)
    }
  }
}

/** Objects per page of a list. */
const pageSize = 500

interface ListPage {
  items?: RawObject[] | null
  metadata: { resourceVersion?: string; continue?: string }
}

/** Reads a collection page by page; each page is of the same state of the collection. @throws as createApiCall */
export async function* listPages(
  call: ApiCall,
  path: string,
  narrow: Readonly<Record<string, string>> = {},
  limit = pageSize,
  what = `GET ${path}`
): AsyncGenerator<ListPage> {
  for (let next = ''; ; ) {
    const query = { ...narrow, limit, ...(next === '' ? {} : { continue: next }) }
    const page = (await call('GET', path, { query, timeoutMs: 60_000, what })) as ListPage
    yield page
    next = page.metadata.continue ?? ''
    if (next === '') return
  }
}

/** A whole collection, in pages, with the version to watch it from. */
export async function listCollection(
  call: ApiCall,
  path: string,
  narrow: Readonly<Record<string, string>> = {},
  what?: string
): Promise<{ items: RawObject[]; resourceVersion: string }> {
  const items: RawObject[] = []
  let resourceVersion = ''
  for await (const page of listPages(call, path, narrow, pageSize, what)) {
    // No spreading: a page of 500 is small, but the list it joins need not be.
    for (const item of page.items ?? []) items.push(item)
    resourceVersion = page.metadata.resourceVersion ?? ''
  }
  return { items, resourceVersion }
}
