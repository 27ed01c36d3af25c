import { t, test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import { tellStory } from './operator-story.js'

t.setTimeout(1_500_000)
const probe = probeTracing()

test(
  'an operator, with Secco killed and started again between any two steps',
  {
    skip: probe.available ? false : (probe.reason ?? 'nothing can be traced')
  },
  (t) => tellStory(t, 'SIGKILL and start')
)
