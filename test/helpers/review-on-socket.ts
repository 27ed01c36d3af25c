import type { TLSSocket } from 'node:tls'

/**
 * Sends a review on an open connection, as an API server does; resolves with the whole answer, and rejects when the connection
 * ends before it.
 */
export function reviewOn(socket: TLSSocket, review: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const onClose = (): void => reject(new Error(`closed after ${JSON.stringify(text)}`))
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1')
      const head = text.indexOf('\r\n\r\n')
      const length = Number(/^content-length: (\d+)\r$/im.exec(text.slice(0, head + 2))?.[1])
      if (head < 0 || text.length < head + 4 + length) return
      socket.off('data', onData).off('close', onClose)
      resolve(text)
    }
    socket.on('data', onData).on('close', onClose)
    socket.write(
      'POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n' +
        `Content-Length: ${Buffer.byteLength(review)}\r\n\r\n${review}`
    )
  })
}
