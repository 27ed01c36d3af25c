import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:https'
import { setPriority } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'

/** What a client in a process of its own sends. */
export interface ReviewLoad {
  port: number
  ca: string
  cert?: string
  key?: string
  /** Address that the client sends from; all of 127.0.0.0/8 is this machine. */
  localAddress: string
  connections: number
  /** Reviews a second at most; default: as many as are answered. */
  perSecond?: number
  /** Whether each request has a connection of its own; default false. */
  reconnects?: boolean
  method?: string
  /** Bodies are sent in turns. */
  body: string | readonly string[]
  /** Where bodies are sent; default `/mutate`. */
  path?: string
  headers?: Readonly<Record<string, string>>
  /** Text by which an answer is known as patched; default: a patch in the review. */
  mark?: string
  /** Ends after this time, or after this number of reviews. */
  ms?: number
  count?: number
}

export interface ReviewTally {
  /** Reviews that were answered with a patch. */
  patched: number
  /** Other answers, and connections that failed. */
  others: number
  /** How often each status was answered; 0: the connection failed. */
  statuses: Record<number, number>
  ms: number
}

/** Resolves with the status, and whether the answer is patched. */
function sendOne(
  load: ReviewLoad,
  body: string,
  agent: Agent
): Promise<{ status: number; isPatched: boolean }> {
  const { port, ca, cert, key, localAddress, path = '/mutate', mark = '"patch":' } = load
  const { method = 'POST' } = load
  return new Promise((resolve) => {
    const headers = {
      'content-type': 'application/json',
      ...(method === 'GET' ? {} : { 'content-length': Buffer.byteLength(body) }),
      ...load.headers
    }
    const identity = cert === undefined || key === undefined ? {} : { cert, key }
    const target = { host: '127.0.0.1', port, ca, localAddress, agent, ...identity }
    const fail = () => resolve({ status: 0, isPatched: false })
    const outgoing = request({ ...target, method, path, headers }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
      response.on('error', fail)
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, isPatched: text.includes(mark) })
      )
    })
    outgoing.on('error', fail)
    outgoing.end(method === 'GET' ? undefined : body)
  })
}

let isEnded = false

async function run(load: ReviewLoad): Promise<ReviewTally> {
  isEnded = false
  const agent = new Agent({ keepAlive: load.reconnects !== true, maxSockets: load.connections })
  const tally: ReviewTally = { patched: 0, others: 0, statuses: {}, ms: 0 }
  const bodies = [load.body].flat()
  const began = performance.now()
  let left = load.count ?? Infinity
  let turn = 0
  const isOver = () => isEnded || left <= 0 || performance.now() - began > (load.ms ?? Infinity)
  const everyMs = (load.connections * 1000) / (load.perSecond ?? Infinity)
  const client = async (_: unknown, i: number): Promise<void> => {
    // The connections of a slow client send one after the other.
    let due = began + (everyMs * i) / load.connections
    while (!isOver()) {
      const early = due - performance.now()
      if (early > 0) await delay(early)
      due = Math.max(due + everyMs, performance.now())
      left -= 1
      const { status, isPatched } = await sendOne(load, bodies[turn++ % bodies.length] ?? '', agent)
      if (Object.keys(tally.statuses).length === 0) process.send?.('begun')
      tally.statuses[status] = (tally.statuses[status] ?? 0) + 1
      if (isPatched) tally.patched += 1
      else {
        tally.others += 1
        await delay(1)
      }
    }
  }
  await Promise.all(Array.from({ length: load.connections }, client))
  agent.destroy()
  return { ...tally, ms: performance.now() - began }
}

/** A client in a process of its own, so that its work is not the server's. */
export interface ReviewClient {
  run: (load: ReviewLoad) => Promise<ReviewTally>
  /** Resolves when the first answer has come. `end` stops before the time of the load is over. */
  start: (load: ReviewLoad) => Promise<{ end: () => Promise<ReviewTally> }>
  stop: () => void
}

/** @param niceness 19: the client gives way to every other process, as an attacker on another machine would */
export function startReviewClient(niceness = 0): ReviewClient {
  const child: ChildProcess = fork(new URL(import.meta.url), ['review-client'])
  if (child.pid !== undefined && niceness !== 0) setPriority(child.pid, niceness)
  async function begin(load: ReviewLoad): Promise<{ tally: Promise<ReviewTally> }> {
    child.send(load)
    await once(child, 'message')
    return { tally: once(child, 'message').then(([tally]) => tally as ReviewTally) }
  }
  return {
    run: async (load) => (await begin(load)).tally,
    async start(load) {
      const { tally } = await begin(load)
      return {
        end() {
          child.send('end')
          return tally
        }
      }
    },
    stop: () => void child.kill()
  }
}

if (process.argv[2] === 'review-client') {
  process.on('message', (message: ReviewLoad | 'end') => {
    if (message === 'end') isEnded = true
    else void run(message).then((tally) => process.send?.(tally))
  })
}
