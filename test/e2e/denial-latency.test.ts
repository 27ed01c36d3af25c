import { t, test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import { denialLatencies } from '../bench/denial-latency.js'

t.setTimeout(600_000)
const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')

/** Other work may keep this machine busy. `npm run bench -- denial-latency` measures against one second. */
const atMostMs = 15_000

test('a denial is in the answer of every verb soon after the call', { skip }, async (t) => {
  for (const [words, latencies] of await denialLatencies(3)) {
    t.equal(latencies.length, 3, `secco ${words}`)
    for (const ms of latencies) t.ok(ms <= atMostMs, `secco ${words}: ${Math.round(ms)} ms`)
  }
})
