import { request } from 'node:http'

interface Answer {
  status: number
  bytes: number
  body: string
}

/** Sends one HTTP request to loopback. Rejects when there is no answer within `timeoutMs`. */
export function ask(
  port: number,
  path: string,
  method = 'GET',
  body?: string,
  timeoutMs = 30_000
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(
      { host: '127.0.0.1', port, path, method, timeout: timeoutMs, agent: false },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          const whole = Buffer.concat(chunks)
          resolve({
            status: response.statusCode ?? 0,
            bytes: whole.length,
            body: whole.toString('latin1', 0, 200)
          })
        })
      }
    )
    call.once('timeout', () =>
      call.destroy(new Error(`no answer to ${method} ${path} within ${timeoutMs / 1000} s`))
    )
    call.once('error', reject)
    call.end(body)
  })
}

/** Waits until the server answers; the last failure is thrown after `limitMs`. */
export async function untilServing(port: number, limitMs: number): Promise<void> {
  const deadline = Date.now() + limitMs
  for (;;) {
    try {
      await ask(port, '/')
      return
    } catch (error) {
      if (Date.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

/** Sends requests to a web server: pages, a large file, errors, a body. Returns how many answers were right. */
export async function exercise(
  port: number,
  rounds: number
): Promise<{ asked: number; right: number }> {
  const asks = [
    { path: '/', method: 'GET', expect: 200 },
    { path: '/large.bin', method: 'GET', expect: 200 },
    { path: '/missing', method: 'GET', expect: 404 },
    { path: '/', method: 'HEAD', expect: 200 },
    { path: '/', method: 'POST', expect: 405, body: 'x'.repeat(20_000) }
  ]
  let right = 0
  for (let round = 0; round < rounds; round += 1) {
    const answers = await Promise.allSettled(
      asks.map(({ path, method, body }) => ask(port, path, method, body))
    )
    right += answers.filter(
      (answer, index) =>
        answer.status === 'fulfilled' && answer.value.status === asks[index]?.expect
    ).length
  }
  return { asked: asks.length * rounds, right }
}
