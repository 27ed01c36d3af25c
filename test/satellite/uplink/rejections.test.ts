import { test } from 'tap'
import { Rejections } from '../../../satellite/uplink/rejections.js'
import { createLogger } from '../../../src/lib/log.js'
import { quiet } from '../../helpers/quiet.js'

const rejected = (reason: string, retryAfterSeconds = 0) => ({
  ...{ id: 'node-1/a', sequence: 1, reason, retryAfterSeconds },
  message: `about ${reason}`
})

test('what the hub rejects of pods is a problem of the node', (t) => {
  const hour = 3_600_000
  const table: [
    what: string,
    given: ReturnType<typeof rejected>[],
    afterMs: number,
    said: RegExp | undefined
  ][] = [
    ['nothing', [], 0, undefined],
    [
      'given up',
      [rejected('pod-elsewhere')],
      0,
      /^1 given up since the start, the last one: pod-elsewhere: about/
    ],
    ['given up an hour ago', [rejected('pod-elsewhere')], hour + 1, undefined],
    ['kept', [rejected('pod-unknown', 30)], 0, undefined],
    ['of no pod', [rejected('not-kubernetes')], 0, undefined],
    [
      'of no pod, after a pod',
      [rejected('profile-full'), rejected('not-kubernetes')],
      0,
      /^1 given up .*: profile-full: about/
    ]
  ]
  for (const [what, given, afterMs, said] of table) {
    let now = 1_000
    const rejections = new Rejections(createLogger('test', quiet), () => now)
    for (const one of given) rejections.note(one)
    now += afterMs
    const [condition] = rejections.conditions()
    if (said === undefined) t.equal(condition, undefined, what)
    else t.match(condition, { type: 'ObservationsAccepted', status: 'False', message: said }, what)
  }
  t.end()
})
