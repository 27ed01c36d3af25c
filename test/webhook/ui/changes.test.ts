import { type AddressInfo, connect } from 'node:net'
import { t, test } from 'tap'
import { localIdentity, type Rights } from '../../../webhook/access/rights.js'
import { createDiscovery } from '../../../webhook/hub/observations/discovery.js'
import { noteReads } from '../../helpers/noted-reads.js'
import { until } from '../../helpers/until.js'
import { profile, startUiRig, type UiRig } from './rig.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

/** Listens to what pages listen to; gives what waits for words there. */
async function listenTo(rig: UiRig) {
  const address = rig.app.server.address() ?? (await rig.app.listen({ host: '127.0.0.1', port: 0 }))
  const origin = typeof address === 'string' ? address : `http://127.0.0.1:${address.port}`
  const { body } = await fetch(`${origin}/api/v1/changes`, {
    headers: { authorization: `Bearer ${rig.token}` }
  })
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader()
  let heard = ''
  return async (words: string) => {
    while (!heard.includes(words)) {
      const part = await reader?.read()
      if (part?.value === undefined) throw new Error(`the stream ended after ${heard}`)
      heard += part.value
    }
    heard = ''
  }
}

test('changes: who listens a moment late hears of what changed before', async (t) => {
  const rig = await startUiRig()
  t.teardown(() => rig.app.close())
  const first = await listenTo(rig)
  rig.changed()
  await first('event: change')
  const began = performance.now()
  // Its page was made before the change; the next one may be hours away.
  await (await listenTo(rig))('event: change')
  t.ok(performance.now() - began < 10_000, 'before anything else changes')
})

test('changes: more calls of the same names are reported', async (t) => {
  const discovery = createDiscovery()
  const rig = await startUiRig({ discovery })
  t.teardown(() => rig.app.close())
  const heard = await listenTo(rig)
  await heard('event: change')
  noteReads(discovery, 7)
  await heard('event: counts')
  t.match((await rig.get('/workloads/shop/checkout.app')).body, /observed at least 7 times/)
})

test('changes: what a page asks for then is not older than the change', async (t) => {
  const rig = await startUiRig({ objects: [profile] })
  t.teardown(() => rig.app.close())
  const heard = await listenTo(rig)
  await heard('event: change')
  for (const ready of [0, 1, 2, 3]) {
    const status = { ...profile.status, nodes: { ready, total: 7 } }
    // The clock of the rig stands still: what is worked out for all pages is never a moment old.
    await rig.ui.store.update(
      'SeccompProfile',
      { namespace: 'shop', name: 'checkout.app' },
      (was) => ({
        ...was,
        status
      })
    )
    await heard('event: change')
    const { body } = await rig.get('/review/shop/checkout.app')
    t.match(body, new RegExp(`${ready} of 7`))
  }
})

test('changes: who leaves while it is found out who that is takes no place', async (t) => {
  let [asked, arrive] = [0, () => {}]
  const left = new Promise<void>((resolve) => (arrive = resolve))
  const rights: Rights = {
    kind: 'local',
    async ofToken(token) {
      if (token !== 'here') {
        asked += 1
        await left
      }
      return localIdentity('anna', 'admin')
    }
  }
  const rig = await startUiRig({ rights })
  t.teardown(() => rig.app.close())
  await rig.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = rig.app.server.address() as AddressInfo
  const sockets = Array.from({ length: 120 }, () => connect(port, '127.0.0.1'))
  for (const socket of sockets)
    socket.write(
      'GET /api/v1/changes HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer x\r\n\r\n'
    )
  await until('all to be asked about', () => asked === sockets.length || undefined)
  for (const socket of sockets) socket.destroy()
  const count = () =>
    new Promise<number>((resolve) => rig.app.server.getConnections((_, n) => resolve(n)))
  await until('them to be gone', async () => (await count()) === 0 || undefined)
  arrive()
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/changes`, {
    headers: { authorization: 'Bearer here' }
  })
  t.equal(response.status, 200)
  await response.body?.cancel()
})
