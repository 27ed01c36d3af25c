import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { createAuthority } from '../../certs/authority.js'
import { createLeaf } from '../../certs/leaf.js'
import { realisticReview } from '../helpers/review.js'
import type { BenchRow } from './row.js'

const connections = 8
const requestsPerRound = 4000

interface Target {
  name: string
  process: ChildProcess
  port: number
}

async function ask<T>(child: ChildProcess, message: object | string): Promise<T> {
  const answer = once(child, 'message') as Promise<[T]>
  child.send(message)
  return (await answer)[0]
}

async function startTarget(name: string, start: object): Promise<Target> {
  const child = fork(join(import.meta.dirname, 'admission-target.js'))
  const { port } = await ask<{ port: number }>(child, start)
  return { name, process: child, port }
}

/** User and system time of the server so far, in µs, its collector's threads included. */
async function cpuOf(target: Target): Promise<number> {
  const { cpu } = await ask<{ cpu: NodeJS.CpuUsage }>(target.process, 'usage')
  return cpu.user + cpu.system
}

function post(agent: Agent, port: number, ca: string, body: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        agent,
        host: '127.0.0.1',
        port,
        ca,
        method: 'POST',
        path: '/mutate?timeout=2s',
        headers: { 'content-type': 'application/json', 'content-length': body.length }
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => {
          if (response.statusCode === 200) resolve(text)
          else reject(new Error(`status ${response.statusCode ?? 0}: ${text.slice(0, 200)}`))
        })
      }
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

async function load(target: Target, agent: Agent, ca: string, body: Buffer, count: number) {
  let left = count
  const worker = async (): Promise<void> => {
    while (left-- > 0) await post(agent, target.port, ca, body)
  }
  await Promise.all(Array.from({ length: connections }, worker))
}

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
  const body = Buffer.from(JSON.stringify(realisticReview()))
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const targets: Target[] = []
  try {
    const one = await startTarget('admission, 1 rule', { ...pair, rules: 1 })
    targets.push(one)
    const answer = await post(agent, one.port, authority.cert, body)
    if (!answer.includes('JSONPatch')) throw new Error('the webhook assigned nothing')
    targets.push(await startTarget('admission, 10,000 rules', { ...pair, rules: 10_000 }))
    targets.unshift(await startTarget('floor: bare https', { ...pair, rules: 0, answer }))
    for (const target of targets) {
      await load(target, agent, authority.cert, body, requestsPerRound)
    }
    const figures: number[][] = targets.map(() => [])
    for (let round = 0; round < rounds; round++) {
      for (const [i, target] of targets.entries()) {
        const before = await cpuOf(target)
        await load(target, agent, authority.cert, body, requestsPerRound)
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
        ratio: { floor: ratio(i, 0), ...(i === 2 ? { 'one rule': ratio(2, 1) } : {}) }
      }
    })
  } finally {
    agent.destroy()
    for (const target of targets) target.process.disconnect()
  }
}
