import { createServer, type Server } from 'node:https'
import type { IncomingMessage, Server as PagesServer, ServerResponse } from 'node:http'
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import type { CertificatePair } from '../../certs/pair.js'
import {
  hubGroup,
  hubResource,
  hubRoot,
  hubSubresource,
  hubVersion,
  pathInHub
} from '../../src/api/hub-path.js'
import { errnoOf } from '../../src/lib/durable-file.js'
import { httpStatusOf, SeccoError, toSeccoError } from '../../src/lib/errors.js'
import { FewLines } from '../../src/lib/few-lines.js'
import type { Logger } from '../../src/lib/log.js'
import type { Identity, Rights, WritingMeans } from '../access/rights.js'
import { type FrontProxy, userOfRequest } from '../cluster/access/request-header.js'

interface AggregatedApiOptions {
  listen: { host: string; port: number }
  tls: Pick<CertificatePair, 'cert' | 'key'>
  frontProxy: FrontProxy
  ofUser: NonNullable<Rights['ofUser']>
  /** The server of pages and API, which answers. */
  pages: PagesServer
  /** Who sends a request: the gate of the pages asks for it. */
  senders: WeakMap<IncomingMessage, Identity>
  /** Where the active hub is; undefined: here. */
  route: { isHere(): boolean; address(): string | undefined } | undefined
  logger: Logger
}

interface AggregatedApi {
  address: { host: string; port: number }
  setCertificate(pair: Pick<CertificatePair, 'cert' | 'key'>): void
  close(): Promise<void>
}

/** What the API server asks for before it sends requests: meta/v1 APIResourceList. */
const resources = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: `${hubGroup}/${hubVersion}`,
  resources: [
    {
      ...{ name: `${hubResource}/${hubSubresource}`, singularName: '', namespaced: true },
      ...{ kind: 'Hub', verbs: ['create', 'get'] }
    }
  ]
}

function answer(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body)
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
  response.writeHead(status, headers).end(text)
}

/** Headers that only the API server may set, and what a browser adds by itself. */
const ownHeaders = /^(x-remote-|x-secco-(user|token|writer)$|authorization$|cookie$)/

/** Returns how the changes of a request are written. */
function meansOf({ headers }: IncomingMessage): WritingMeans {
  const { 'x-secco-token': token, 'x-secco-writer': writer } = headers
  return {
    ...(typeof token === 'string' ? { token } : {}),
    ...(typeof writer === 'string' ? { writer: writer.slice(0, 64) } : {})
  }
}

/** The API of the hub, and nothing that opens sessions. */
const isServed = (path: string): boolean =>
  path.startsWith('/api/v1/') && !/^\/api\/v1\/(session|links)\b/.test(path)

/** AggregatedServer answers requests that the API server passes on in the name of a user. */
class AggregatedServer {
  readonly server: Server
  readonly #options: AggregatedApiOptions
  readonly #lines = new FewLines()

  constructor(options: AggregatedApiOptions) {
    this.#options = options
    this.server = createServer({
      ...this.#context(options.tls),
      requestCert: true,
      // The handler rejects, and says why.
      rejectUnauthorized: false,
      handshakeTimeout: 5000,
      headersTimeout: 5000,
      requestTimeout: 10_000,
      connectionsCheckingInterval: 1000
    })
    this.server.on('request', (request, response) => void this.#handle(request, response))
    this.server.on('tlsClientError', (error) =>
      options.logger.debug({ reason: error.message }, 'aggregated API: handshake failed')
    )
  }

  setCertificate(pair: Pick<CertificatePair, 'cert' | 'key'>): void {
    this.server.setSecureContext(this.#context(pair))
  }

  #context({ cert, key }: Pick<CertificatePair, 'cert' | 'key'>) {
    const { ca } = this.#options.frontProxy.rules()
    return { cert, key, ca, minVersion: 'TLSv1.2' as const }
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const user = userOfRequest(request, this.#options.frontProxy.rules())
      const url = request.url ?? ''
      if (url.split('?')[0] === hubRoot) {
        answer(response, 200, resources)
        return
      }
      const path = pathInHub(url)
      if (path === undefined || !isServed(path)) {
        throw new SeccoError('NOT_FOUND', 'there is no such endpoint', { hint: 'see secco --help' })
      }
      const identity = await this.#options.ofUser(user, meansOf(request))
      this.#pass(request, response, path, identity)
    } catch (thrown) {
      const error = toSeccoError(thrown)
      const { code, message, hint, retryAfter } = error
      if (code === 'UNAUTHENTICATED') {
        const more = this.#lines.next()
        const fields = { code, address: request.socket.remoteAddress, reason: message, ...more }
        if (more !== undefined) this.#options.logger.warn(fields, 'request rejected')
      }
      response.shouldKeepAlive = false
      if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter)
      answer(response, httpStatusOf(error), { code, message, hint })
    }
  }

  /** Gives the request to the pages, as one of a known sender. */
  #pass(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    identity: Identity
  ): void {
    for (const name of Object.keys(request.headers)) {
      if (ownHeaders.test(name)) Reflect.deleteProperty(request.headers, name)
    }
    request.headers.host = 'localhost'
    request.url = path
    this.#options.senders.set(request, identity)
    this.#options.pages.emit('request', request, response)
  }
}

/** Passes a connection to the active hub, as it is: TLS begins and ends there, and all replicas have one certificate. */
function passOn(socket: Socket, host: string, port: number): void {
  const far = connect({ host, port })
  for (const [one, other] of [
    [socket, far],
    [far, socket]
  ] as const) {
    one.on('error', () => undefined)
    one.on('close', () => other.destroy())
    one.pipe(other)
  }
}

function listenOn(server: ReturnType<typeof createTcpServer>, { listen }: AggregatedApiOptions) {
  const { host, port } = listen
  return new Promise<number>((resolve, reject) => {
    server.once('error', (cause) => {
      const code = errnoOf(cause) === 'EADDRINUSE' ? 'PORT_IN_USE' : 'UNAVAILABLE'
      const hint = 'choose another address with --api-listen, or port 0'
      reject(new SeccoError(code, `API ${host}:${port}: ${cause.message}`, { cause, hint }))
    })
    server.listen(port, host, () => {
      server.removeAllListeners('error')
      resolve((server.address() as AddressInfo).port)
    })
  })
}

/**
 * Serves the API of the hub to the API server, which passes requests on in the name of their users (an aggregated API).
 * A replica on standby passes connections on to the active one.
 * @throws SeccoError PORT_IN_USE
 */
export async function openAggregatedApi(options: AggregatedApiOptions): Promise<AggregatedApi> {
  const { frontProxy, route, listen } = options
  let pair = options.tls
  const aggregated = new AggregatedServer(options)
  const open = new Set<Socket>()
  const tcp = createTcpServer((socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    if (route === undefined || route.isHere()) {
      aggregated.server.emit('connection', socket)
      return
    }
    const [, host] = /^\[?(.*?)\]?:\d+$/.exec(route.address() ?? '') ?? []
    if (host === undefined) socket.destroy()
    else passOn(socket, host, (tcp.address() as AddressInfo).port)
  })
  const port = await listenOn(tcp, options)
  tcp.on('error', (err) => options.logger.error({ err }, 'aggregated API: connection not accepted'))
  const cut = (): void => {
    for (const socket of open) socket.destroy()
  }
  const leave = frontProxy.follow(() => {
    aggregated.setCertificate(pair)
    // Connections that the former authority let in.
    cut()
  })
  return {
    address: { host: listen.host, port },
    setCertificate(next) {
      pair = next
      aggregated.setCertificate(next)
    },
    close() {
      leave()
      return new Promise((resolve) => {
        tcp.close(() => resolve())
        cut()
      })
    }
  }
}
