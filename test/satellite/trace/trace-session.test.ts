import { test } from 'tap'
import { traceContainer } from '../../../satellite/trace/trace-session.js'
import { createLogger } from '../../../src/lib/log.js'
import { probeTracing } from '../../../native/recorder.js'
import { quiet } from '../../helpers/quiet.js'
import { plain } from '../../helpers/container-facts.js'

const probe = probeTracing()

test('a trace ends when its container ends before it was seen', {
  skip: probe.available ? false : (probe.reason ?? 'nothing can be traced'),
  timeout: 120_000
}, async (t) => {
  const state = { listed: 0 }
  const report = await traceContainer({
    word: 'web',
    wait: false,
    registry: {
      hasPodLabels: false,
      refresh: () => {
        state.listed += 1
        return Promise.resolve()
      },
      all: () => [
        plain(state.listed > 1 ? { pid: 0, status: 'stopped' } : { cgroupId: 2n ** 40n })
      ],
      versions: () => Promise.resolve([]),
      take: () => undefined,
      ask: () => Promise.resolve(),
      find: () => undefined,
      onAppear: () => () => undefined,
      onChange: () => () => undefined,
      onBegin: () => () => undefined,
      isCreating: () => false,
      close: () => undefined
    },
    machine: 'x86_64',
    logger: createLogger('test', quiet),
    signal: AbortSignal.timeout(15_000)
  })
  t.match(report, { container: 'web', complete: false, abis: {} })
  // More if other containers of this machine start and end in that time.
  t.ok(state.listed >= 3, 'ended by itself when the runtimes did not list it any more')
})
