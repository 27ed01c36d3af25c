import { t, test } from 'tap'
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
