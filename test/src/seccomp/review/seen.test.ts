import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { approveObserved } from '../../../../src/seccomp/review/approve.js'
import { checkSeen, seenOf } from '../../../../src/seccomp/review/seen.js'
import { profileOf } from '../../../helpers/seccomp-profiles.js'

const workload = { kind: 'Deployment', name: 'web', container: 'app' }
const observing = (x86: string[], more: SeccompProfile['status'] = {}): SeccompProfile => ({
  ...profileOf({ workload }, 'web'),
  status: { observed: { x86_64: x86 }, ...more }
})
const argument = { abi: 'x86_64', name: 'socket', index: 0, values: ['1'] } as const
const shown = observing(['read', 'socket'], { arguments: [{ ...argument, values: ['1'] }] })
const approve = (one: SeccompProfile) =>
  approveObserved(one, { by: 'ada', at: '2026-01-01T00:00:00Z', reason: 'seen' })
const ok = (item: string, isOk = true) => ({ item, ok: isOk, detail: '' })
const evidence = [ok('starts'), ok('quiet')]

/** [what happened meanwhile, the profile now, its evidence now, what the error says; undefined: nothing changed] */
const table: [string, SeccompProfile, typeof evidence, RegExp | undefined][] = [
  ['nothing', shown, evidence, undefined],
  [
    'the same calls were made again',
    { ...shown, status: { ...shown.status, lastNew: '2026-02-01T00:00:00Z' } },
    evidence,
    undefined
  ],
  ['more evidence', shown, [...evidence, ok('denied')], undefined],
  [
    'a new call',
    observing(
      ['bpf', 'read', 'socket'],
      shown.status?.arguments && {
        arguments: shown.status.arguments
      }
    ),
    evidence,
    /approved: the calls to add are now bpf, read, socket$/
  ],
  [
    'somebody approved it',
    approve(shown),
    evidence,
    /somebody changed what is approved; no call is left/
  ],
  [
    'another ABI',
    {
      ...shown,
      status: { ...shown.status, observed: { x86_64: ['read', 'socket'], i386: ['read'] } }
    },
    evidence,
    /calls were observed on another ABI$/
  ],
  [
    'other arguments',
    { ...shown, status: { ...shown.status, arguments: [{ ...argument, values: ['1', '38'] }] } },
    evidence,
    /other arguments were observed$/
  ],
  [
    'a start that has evidence no more',
    shown,
    [ok('starts', false), ok('quiet')],
    /evidence that was present is not any more: starts$/
  ]
]

test('what is approved is what was shown, or the error says what changed', (t) => {
  const seen = seenOf(shown, evidence)
  for (const [what, now, items, message] of table) {
    const check = () => checkSeen(now, seen, items)
    if (message === undefined) t.doesNotThrow(check, what)
    else t.throws(check, { code: 'CONFLICT', message, hint: /approve that/ }, what)
  }
  t.doesNotThrow(() => checkSeen(shown, seen), 'evidence that nobody computes is not compared')
  for (const wrong of ['', 'x', seen.slice(0, 20)])
    t.throws(() => checkSeen(shown, wrong), { code: 'INVALID_ARGUMENT' }, wrong)
  t.end()
})
