import { t, test } from 'tap'
import { startUiRig } from './rig.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

test('changes: who listens a moment late hears of what changed before', async (t) => {
  const rig = await startUiRig()
  t.teardown(() => rig.app.close())
  const origin = await rig.app.listen({ host: '127.0.0.1', port: 0 })
  const listen = async () => {
    const { body } = await fetch(`${origin}/api/v1/changes`, {
      headers: { authorization: `Bearer ${rig.token}` }
    })
    const reader = body?.pipeThrough(new TextDecoderStream()).getReader()
    let heard = ''
    return async (words: string) => {
      while (!heard.includes(words)) {
        const { value, done } = (await reader?.read()) ?? { done: true }
        if (done) throw new Error(`the stream ended after ${heard}`)
        heard += value
      }
    }
  }
  const first = await listen()
  rig.changed()
  await first('event: change')
  const began = performance.now()
  // Its page was made before the change; the next one may be hours away.
  await (await listen())('event: change')
  t.ok(performance.now() - began < 10_000, 'before anything else changes')
})
