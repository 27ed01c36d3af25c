import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'tap'
import { spawnSecco } from '../../helpers/secco-command.js'

test('a webhook that waits for an API server ends when it is told to', async (t) => {
  // An API server that takes connections and answers nothing.
  const silent = createServer()
  const sockets = new Set<Socket>()
  silent.on('connection', (socket) => sockets.add(socket))
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  const folder = t.testdir()
  const kubeconfig = join(folder, 'kubeconfig')
  const text = JSON.stringify({
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'silent' },
    clusters: [{ name: 'silent', cluster: { server: `https://127.0.0.1:${port}` } }],
    users: [{ name: 'silent', user: { token: 'token' } }],
    contexts: [{ name: 'silent', context: { cluster: 'silent', user: 'silent' } }]
  })
  writeFileSync(kubeconfig, text)
  const child = spawnSecco([
    ...['webhook', '--state', join(folder, 'state'), '--kubeconfig', kubeconfig],
    ...['--listen', '127.0.0.1:0', '--roles', 'admission', '--leave-after', '5s']
  ])
  t.teardown(() => {
    child.kill('SIGKILL')
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const ended = once(child, 'close')
  await Promise.race([once(silent, 'connection'), ended])
  child.kill('SIGTERM')
  t.strictSame(await ended, [0, null], said)
  t.equal(said, '')
})
