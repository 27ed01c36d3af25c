import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'node:tls'
import { test } from 'tap'
import { reviewOn } from '../../helpers/review-on-socket.js'
import { testPod, testReview } from '../../helpers/review.js'
import { spawnSecco } from '../../helpers/secco-command.js'
import { until } from '../../helpers/until.js'

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

test('a webhook that leaves answers on connections that its callers keep', async (t) => {
  const state = join(t.testdir(), 'state')
  const listen = ['--listen', '127.0.0.1:0', '--hub-listen', '127.0.0.1:0', '--ui-listen']
  const child = spawnSecco([
    ...['webhook', '--state', state, ...listen, '127.0.0.1:0', '--leave-after', '100ms']
  ])
  t.teardown(() => child.kill('SIGKILL'))
  const ended = once(child, 'close')
  child.stderr.resume()
  const url = await until('the addresses', () => {
    const text = readFileSync(join(state, 'addresses.json'), 'utf8')
    return new URL((JSON.parse(text) as { webhook: string }).webhook)
  })
  const socket = connect({ host: '127.0.0.1', port: Number(url.port), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const review = JSON.stringify(testReview(testPod({ labels: {} })))
  const first = await reviewOn(socket, review)
  t.match(first, /"allowed":true/)
  t.notMatch(first, /^connection: close\r$/im)
  child.kill('SIGTERM')
  // Without --leave-after idle connections are closed when no request came for a second; an end that did not wait for its
  // callers for 95 s would have cut this one five seconds after it gave them up.
  await delay(9000)
  const last = await reviewOn(socket, review)
  t.match(last, /"allowed":true/)
  t.match(last, /^connection: close\r$/im)
  t.strictSame(await ended, [0, null])
})

test('a start that fails after the port of reviews is open says so at once, whatever a webhook that leaves waits for', async (t) => {
  const taken = createServer()
  taken.listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const state = join(t.testdir(), 'state')
  const free = '127.0.0.1:0'
  const child = spawnSecco([
    ...['webhook', '--state', state, '--listen', free, '--hub-listen', free],
    ...['--ui-listen', `127.0.0.1:${port}`, '--leave-after', '1h']
  ])
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  t.strictSame(await once(child, 'close'), [1, null], said)
  t.match(said, /\(PORT_IN_USE\)\n {2}next: /)
})
