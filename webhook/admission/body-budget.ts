import type { FastifyInstance } from 'fastify'

/** Bodies up to this size are read at once: two hundred of them take less memory than one of the longest. */
const alwaysRead = 256 * 1024

/**
 * Delays requests with large bodies, unread, until earlier ones are answered: at most `maxBytes` of bodies are in
 * memory. The API server sends up to 200 requests at a time (--max-mutating-requests-inflight), and a webhook that
 * runs out of memory is a way around every rule.
 * @param longest the longest body that is accepted; a request that announces a longer one is rejected unread.
 * @param maxBytes at least `longest`.
 */
export function limitBodies(app: FastifyInstance, longest: number, maxBytes: number): void {
  let inMemory = 0
  const waiting: { bytes: number; start: () => void }[] = []

  function startWaiting(): void {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (inMemory + next.bytes > maxBytes) return
      waiting.shift()
      inMemory += next.bytes
      next.start()
    }
  }

  app.addHook('onRequest', (request, reply, done) => {
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
    // A body of unknown length can be as long as the longest.
    const bytes = encoding === undefined ? Number(length ?? 0) : longest
    if (bytes <= alwaysRead || bytes > longest) {
      done()
      return
    }
    let started = false
    const entry = {
      bytes,
      start: () => {
        started = true
        done()
      }
    }
    reply.raw.once('close', () => {
      if (started) inMemory -= bytes
      else waiting.splice(waiting.indexOf(entry), 1)
      startWaiting()
    })
    waiting.push(entry)
    startWaiting()
  })
}
