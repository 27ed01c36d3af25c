import { t, test } from 'tap'
import { probeTracing } from '../../../native/recorder.js'
import { afterEffects } from './after-effects.js'
import { restart } from './restart.js'
import { Scene } from './scene.js'

t.setTimeout(900_000)
const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')

test('the laws of the views', { skip }, async (t) => {
  const scene = new Scene()
  t.teardown(() => scene.close())
  await scene.open()
  await scene.fill()
  await t.test('a restart changes nothing that anybody reads', (t) => restart(t, scene))
  await t.test('what changes something changes what it is about, and nothing else', (t) =>
    afterEffects(t, { actor: scene.actor, settledData: (check) => scene.settledData(check) })
  )
  t.strictSame(scene.programs.ended, [], 'no program ended by itself')
})
