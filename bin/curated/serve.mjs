import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'

process.on('SIGHUP', () => undefined)
const server = createServer((_request, response) => response.end('ok'))
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${server.address().port}/`
for (const response of await Promise.all(Array.from({ length: 8 }, () => fetch(url))))
  await response.text()
const folder = await mkdtemp(join(tmpdir(), 'secco-'))
await writeFile(join(folder, 'a'), 'x')
await readdir('/')
await rm(folder, { recursive: true })
process.kill(process.pid, 'SIGHUP')
await new Promise((resolve) => new Worker('0', { eval: true }).on('exit', resolve))
globalThis.gc?.()
await new Promise((resolve) => setTimeout(resolve, 100))
server.closeAllConnections()
server.close()
console.log('served')
