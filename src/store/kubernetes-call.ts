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
  }
) => Promise<unknown>

/** No answer in this time is a failure. */
const defaultTimeoutMs = 15_000

interface ApiResponse {
  status: number
  text: string
}

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
    outgoing.on('error', reject)
    outgoing.end(payload)
  })
}

/**
 * Plain calls beside the library's typed ones: those turn every object into classes and dates, which
 * for the pods of a large cluster costs more than everything done with them.
 * Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, CONFLICT, INVALID_DOCUMENT, TOO_LARGE, UNAVAILABLE.
 */
export function createApiCall(config: KubeConfig): ApiCall {
  const agents = {
    'http:': new HttpAgent({ keepAlive: true }),
    'https:': new Agent({ keepAlive: true })
  }

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
    // Theirs is a new one each time; what a connection depends on is in the request's own options.
    if (cluster.proxyUrl === undefined) {
      options.agent = url.protocol === 'http:' ? agents['http:'] : agents['https:']
    }
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
    return send(url, { ...options, method, headers, signal }, payload)
  }

  return async (...args) => {
    const [method, path] = args
    try {
      const { status, text } = await ask(...args)
      if (status >= 400) {
        throw Object.assign(new Error(`HTTP ${status}`), { statusCode: status, body: text })
      }
      return JSON.parse(text) as unknown
    } catch (error) {
      throw fromApiServer(error, `${method} ${path}`)
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
  limit = pageSize
): AsyncGenerator<ListPage> {
  for (let next = ''; ; ) {
    const query = { ...narrow, limit, ...(next === '' ? {} : { continue: next }) }
    const page = (await call('GET', path, { query, timeoutMs: 60_000 })) as ListPage
    yield page
    next = page.metadata.continue ?? ''
    if (next === '') return
  }
}

/** A whole collection, in pages, with the version to watch it from. */
export async function listCollection(
  call: ApiCall,
  path: string,
  narrow: Readonly<Record<string, string>> = {}
): Promise<{ items: RawObject[]; resourceVersion: string }> {
  const items: RawObject[] = []
  let resourceVersion = ''
  for await (const page of listPages(call, path, narrow)) {
    // No spreading: a page of 500 is small, but the list it joins need not be.
    for (const item of page.items ?? []) items.push(item)
    resourceVersion = page.metadata.resourceVersion ?? ''
  }
  return { items, resourceVersion }
}
