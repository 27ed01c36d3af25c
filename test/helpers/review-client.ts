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
  body: string
  /** Ends after this time, or after this number of reviews. */
  ms?: number
  count?: number
}

export interface ReviewTally {
  /** Reviews that were answered with a patch. */
  patched: number
  /** Other answers, and connections that failed. */
  others: number
  ms: number
}

function sendOne(load: ReviewLoad, agent: Agent): Promise<boolean> {
  const { port, ca, cert, key, localAddress, body } = load
  return new Promise((resolve) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body)
    }
    const identity = cert === undefined || key === undefined ? {} : { cert, key }
    const target = { host: '127.0.0.1', port, ca, localAddress, agent, ...identity }
    const options = { ...target, method: 'POST', path: '/mutate', headers }
    const outgoing = request(options, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
      response.on('error', () => resolve(false))
      response.on('end', () => resolve(text.includes('"patch":')))
    })
    outgoing.on('error', () => resolve(false))
    outgoing.end(body)
  })
}

async function run(load: ReviewLoad): Promise<ReviewTally> {
  const agent = new Agent({ keepAlive: true, maxSockets: load.connections })
  const tally = { patched: 0, others: 0, ms: 0 }
  const began = performance.now()
  let left = load.count ?? Infinity
  const isOver = () => left <= 0 || performance.now() - began > (load.ms ?? Infinity)
  const client = async (): Promise<void> => {
    while (!isOver()) {
      left -= 1
      if (await sendOne(load, agent)) tally.patched += 1
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
  stop: () => void
}

/** @param niceness 19: the client gives way to every other process, as an attacker on another machine would */
export function startReviewClient(niceness = 0): ReviewClient {
  const child: ChildProcess = fork(new URL(import.meta.url), ['review-client'])
  if (child.pid !== undefined && niceness !== 0) setPriority(child.pid, niceness)
  return {
    async run(load) {
      child.send(load)
      const [tally] = (await once(child, 'message')) as [ReviewTally]
      return tally
    },
    stop: () => void child.kill()
  }
}

if (process.argv[2] === 'review-client') {
  process.on('message', (load: ReviewLoad) => {
    void run(load).then((tally) => process.send?.(tally))
  })
}
