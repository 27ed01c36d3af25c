import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { randomBytes, randomUUID } from 'node:crypto'
import { createAuthority } from '../../certs/authority.js'
import { createLeaf } from '../../certs/leaf.js'
import { realisticReview } from '../helpers/review.js'
import type { BenchRow } from './row.js'

const requestsPerRound = 3000
/** Deployments whose pods are made again and again. */
const workloads = 50

interface Target {
  name: string
  process: ChildProcess
  client: Client
}

async function ask<T>(child: ChildProcess, message: object | string): Promise<T> {
  const answer = once(child, 'message') as Promise<[T]>
  child.send(message)
  return (await answer)[0]
}

/** One request after the other, never the same twice. */
type Bodies = () => Buffer

const placeholder = {
  uid: '0df28fbd-5f5f-11e8-bc74-36e6bb280816',
  token: 'x7k2p',
  name: 'checkout-0000'
}

/** Writes over every place where `old` stands. */
function overwrite(body: Buffer, old: string, now: string): void {
  for (let at = body.indexOf(old); at !== -1; at = body.indexOf(old, at + old.length)) {
    body.write(now, at, 'latin1')
  }
}

/**
 * Reviews as an API server sends them while Deployments are scaled or rolled: `distinct` workloads in
 * turn, the uid of the review and the token volume's name new each time. Infinity: no workload comes twice.
 */
function reviews(distinct: number): Bodies {
  const template = Buffer.from(JSON.stringify(realisticReview(placeholder.name, placeholder.token)))
  let count = 0
  return () => {
    const body = Buffer.from(template)
    overwrite(
      body,
      placeholder.name,
      `checkout-${String((count++ % distinct) % 10_000).padStart(4, '0')}`
    )
    if (distinct === Infinity)
      overwrite(body, '7c9d8f6b5', randomBytes(5).toString('hex').slice(0, 9))
    overwrite(body, placeholder.uid, randomUUID())
    overwrite(body, placeholder.token, randomBytes(3).toString('hex').slice(0, 5))
    return body
  }
}

async function startTarget(
  name: string,
  start: object,
  ca: string,
  bodies: Bodies
): Promise<Target> {
  const child = fork(join(import.meta.dirname, 'admission-target.js'))
  const { port } = await ask<{ port: number }>(child, start)
  const client = await openClient(port, ca, bodies)
  // At once: a connection that sends nothing is closed by the webhook.
  await client.post()
  return { name, process: child, client }
}

async function load(target: Target): Promise<void> {
  for (let i = 0; i < requestsPerRound; i++) await target.client.post()
}

/** User and system time of the server so far, in µs, its collector's threads included. */
async function cpuOf(target: Target): Promise<number> {
  const { cpu } = await ask<{ cpu: NodeJS.CpuUsage }>(target.process, 'usage')
  return cpu.user + cpu.system
}

/** One keep-alive TLS connection that sends a request and waits for its whole answer. */
async function openClient(port: number, ca: string, bodies: Bodies) {
  const request = (): Buffer[] => {
    const body = bodies()
    const head =
      'POST /mutate?timeout=2s HTTP/1.1\r\n' +
      `Host: 127.0.0.1:${port}\r\n` +
      'Content-Type: application/json\r\n' +
      `Content-Length: ${body.length}\r\n` +
      '\r\n'
    const bytes = Buffer.concat([Buffer.from(head), body])
    // The API server's Go client writes through a buffer of 4 KiB: so the request comes in two records.
    return [bytes.subarray(0, 4096), bytes.subarray(4096)]
  }
  const socket = connect({ host: '127.0.0.1', port, ca })
  socket.setNoDelay(true)
  await once(socket, 'secureConnect')
  let received = ''
  let answered: (text: string) => void = () => undefined
  let failed: (error: Error) => void = () => undefined
  socket.setEncoding('latin1')
  socket.on('error', (error: Error) => failed(error))
  socket.on('close', () => failed(new Error('the server closed the connection')))
  socket.on('data', (chunk: string) => {
    received += chunk
    const end = received.indexOf('\r\n\r\n')
    if (end === -1) return
    const length = Number(/content-length: (\d+)/i.exec(received)?.[1])
    if (Number.isNaN(length)) throw new Error('an answer without its length')
    if (received.length < end + 4 + length) return
    const text = received
    received = ''
    answered(text)
  })
  return {
    post: async (): Promise<string> => {
      const answer = new Promise<string>((resolve, reject) => {
        answered = resolve
        failed = reject
      })
      if (socket.destroyed) throw new Error('the connection is closed')
      for (const part of request()) socket.write(part)
      const text = await answer
      if (!text.startsWith('HTTP/1.1 200')) throw new Error(text.slice(0, 300))
      return text.slice(text.indexOf('\r\n\r\n') + 4)
    },
    close: () => socket.destroy()
  }
}

type Client = Awaited<ReturnType<typeof openClient>>

function summarise(values: readonly number[]): { min: number; median: number } {
  const sorted = [...values].sort((a, b) => a - b)
  return { min: sorted[0] ?? 0, median: sorted[Math.floor(sorted.length / 2)] ?? 0 }
}

/**
 * Server CPU (user + system) per review over keep-alive TLS, interleaved round by round with a bare
 * Node https server. Ratios are medians of the rounds' own ratios, so a busy moment hits both sides.
 */
export async function benchAdmission({ rounds }: { rounds: number }): Promise<BenchRow[]> {
  const now = new Date()
  const authority = await createAuthority(now)
  const purpose = { kind: 'server', names: ['127.0.0.1', 'localhost'] } as const
  const pair = await createLeaf(purpose, authority, now)
  const targets: Target[] = []
  const start = (name: string, what: object, distinct = workloads) =>
    startTarget(name, { ...pair, ...what }, authority.cert, reviews(distinct))
  try {
    const one = await start('admission, 1 rule', { rules: 1 })
    targets.push(one)
    const answer = await one.client.post()
    if (!answer.includes('JSONPatch')) throw new Error('the webhook assigned nothing')
    targets.push(await start('admission, 10,000 rules', { rules: 10_000 }))
    targets.push(await start('admission, 1 rule, every workload new', { rules: 1 }, Infinity))
    targets.push(
      await start('admission, 10,000 rules, every workload new', { rules: 10_000 }, Infinity)
    )
    targets.unshift(await start('floor: bare https', { rules: 0, answer }))
    for (const target of targets) await load(target)
    const figures: number[][] = targets.map(() => [])
    for (let round = 0; round < rounds; round++) {
      for (const [i, target] of targets.entries()) {
        const before = await cpuOf(target)
        await load(target)
        figures[i]?.push(((await cpuOf(target)) - before) / requestsPerRound)
      }
    }
    const ratio = (a: number, b: number): number => {
      const values = (figures[a] ?? []).map((value, round) => value / (figures[b]?.[round] ?? 1))
      return Math.round(summarise(values).median * 1000) / 1000
    }
    return targets.map((target, i) => {
      const { min, median } = summarise(figures[i] ?? [])
      return {
        case: target.name,
        unit: 'µs CPU/review',
        min: Math.round(min * 10) / 10,
        median: Math.round(median * 10) / 10,
        rounds,
        ratio: {
          floor: ratio(i, 0),
          ...(i === 2 || i === 4 ? { 'one rule': ratio(i, i - 1) } : {})
        }
      }
    })
  } finally {
    for (const target of targets) {
      target.client.close()
      target.process.disconnect()
    }
  }
}
