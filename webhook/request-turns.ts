import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:https'
import type { Socket } from 'node:net'
import { goneCheck } from './admission/body-budget.js'
import type { FairTurns } from './admission/fair-turns.js'
import { OpenConnections } from './open-connections.js'

/** What a handshake, and a request that is no review (`/metrics`), may take of the event loop, in ms. */
const handshakeCost = 1
const otherCost = 1

/** Requests that wait for their turn later, when their body is there. */
const reviews = /^\/mutate(?:-node)?(?:\?|$)/

type Listener<Args extends unknown[]> = (...args: Args) => void

/** Returns the listener of Node or Fastify for an event, which no longer hears it. */
function replaced<Args extends unknown[]>(server: Server, event: string): Listener<Args> {
  const [listener] = server.listeners(event)
  if (listener === undefined) throw new Error(`the server has no listener for ${event}`)
  server.removeListener(event, listener as Listener<Args>)
  return listener.bind(server) as Listener<Args>
}

export interface Turns {
  turns: FairTurns
  /** Returns whether a connection has proved who it is: it is not limited. */
  isProven: (socket: Socket) => boolean
  /** Called for each request that will be answered; `close` of its response always comes. */
  onRequest: (response: ServerResponse) => void
}

/** Clients take turns with handshakes; connections are limited. */
function limitConnections(server: Server, open: OpenConnections, { turns, isProven }: Turns): void {
  const accept = replaced<[Socket]>(server, 'connection')
  server.on('connection', (socket: Socket) => {
    if (socket.destroyed || !open.add(socket)) {
      socket.destroy()
      return
    }
    // Until TLS takes the socket, nobody else hears of a reset.
    socket.on('error', () => undefined)
    const begin = (): void => {
      if (!socket.destroyed) accept(socket)
    }
    const turn = turns.take(socket.remoteAddress ?? '', handshakeCost, () => socket.destroyed)
    if (turn === undefined) begin()
    else void turn.then(begin)
  })
  server.on('secureConnection', (socket: Socket) => open.secure(socket, isProven(socket)))
}

/**
 * Clients take turns with handshakes and requests, so that none takes the event loop from another one. A request that
 * comes before the one before it on its connection is answered ends the connection: no API server sends it, and
 * thousands fit into one record of TLS.
 */
export function takeTurns(server: Server, options: Turns): void {
  const { turns, onRequest } = options
  const open = new OpenConnections()
  limitConnections(server, open, options)
  const latest = new WeakMap<Socket, ServerResponse>()
  const answer = replaced<[IncomingMessage, ServerResponse]>(server, 'request')
  const begin = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket, method, url = '', headers } = request
    if (socket.destroyed) return
    onRequest(response)
    open.use(socket, true)
    response.once('close', () => {
      if (latest.get(socket) === response) open.use(socket, false)
    })
    const isReview = method === 'POST' && reviews.test(url)
    const turn =
      isReview && headers['content-type'] === 'application/json'
        ? undefined
        : turns.take(socket.remoteAddress ?? '', otherCost, goneCheck(request))
    const answerNow = (): void => {
      if (!socket.destroyed) answer(request, response)
    }
    if (turn === undefined) answerNow()
    else void turn.then(answerNow)
  }
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request
    const isWaiting = latest.get(socket)?.writableEnded === false
    latest.set(socket, response)
    if (isWaiting) socket.destroy()
    else if (response.socket !== null) begin(request, response)
    // The answer before it has ended and is on its way: its caller may have it already. Node gives the socket to the next
    // response afterwards; a response that never gets it (the connection ends with the other one) never emits `close`.
    else response.once('socket', () => begin(request, response))
  })
}
