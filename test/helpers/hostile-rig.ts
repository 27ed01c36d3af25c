import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createAuthority } from '../../certs/authority.js'
import { createLeaf } from '../../certs/leaf.js'
import type { HostileRequest } from './hostile-target.js'
import { startReviewClient } from './review-client.js'

/** HostileRig is the webhook in one process and its client in another. */
export class HostileRig {
  readonly #server = fork(new URL('./hostile-target.js', import.meta.url))
  readonly #client = startReviewClient()
  #to = { port: 0, ca: '' }

  async start(): Promise<void> {
    const now = new Date()
    const authority = await createAuthority(now)
    const names = ['localhost', '127.0.0.1']
    const { cert, key } = await createLeaf({ kind: 'server', names }, authority, now)
    this.#to = { port: await this.#ask({ cert, key }), ca: authority.cert }
  }

  /** Returns the longest turn of the event loop while some reviews are answered, in ms. */
  async block(body: string): Promise<number> {
    await this.#ask('watch')
    await this.#send(body)
    return this.#ask('unwatch')
  }

  /** Returns the CPU time of one review, in ms. */
  async cost(body: string): Promise<number> {
    const before = await this.#ask('cpu')
    await this.#send(body)
    return ((await this.#ask('cpu')) - before) / 3
  }

  stop(): void {
    this.#client.stop()
    this.#server.disconnect()
  }

  async #ask(request: HostileRequest): Promise<number> {
    const answer = once(this.#server, 'message')
    this.#server.send(request)
    const [value] = (await answer) as [number]
    return value
  }

  async #send(body: string): Promise<void> {
    const load = { localAddress: '127.0.0.1', connections: 1, body, count: 3 }
    await this.#client.run({ ...this.#to, ...load })
  }
}
