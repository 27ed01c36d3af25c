import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { approveObserved } from '../../../../src/seccomp/review/approve.js'
import { profile, startUiRig } from '../rig.js'

const path = '/review/shop/checkout.app'
const observing = (names: readonly string[], of = profile): SeccompProfile => ({
  ...of,
  status: { ...of.status, observed: { x86_64: [...names] } }
})
const approved = approveObserved(observing(['accept4', 'read']), { by: 'ada', at: '', reason: '' })

const rows: [string, SeccompProfile, { disabled: boolean; says: RegExp }][] = [
  ['a call to add', observing(['accept4']), { disabled: false, says: /Include accept4/ }],
  ['only a risky call', observing(['ptrace']), { disabled: true, says: /tick a change first/ }],
  [
    'only a removal',
    observing(['read'], approved),
    { disabled: true, says: /Remove accept4[^]*tick a change first/ }
  ],
  [
    'everything is approved',
    approved,
    { disabled: true, says: /everything that was observed is approved/ }
  ],
  ['nothing observed', observing([]), { disabled: true, says: /no syscall was observed yet/ }],
  [
    'parents, not approved yet',
    { ...observing([]), spec: { ...profile.spec, extends: ['secco-system/base'] } },
    { disabled: false, says: /Nothing changes/ }
  ]
]

for (const [what, object, { disabled, says }] of rows) {
  test(`review: ${what}`, async (t) => {
    const { app, get } = await startUiRig({ objects: [object] })
    t.teardown(() => app.close())
    const { body } = await get(path)
    const [button = ''] = /<button[^>]*>Approve/.exec(body) ?? []
    t.not(button, '')
    t.equal(/ disabled/.test(button), disabled, button)
    t.match(body, says)
    const [words] = /<p id="nothing"[^>]*>/.exec(body) ?? []
    if (words !== undefined) t.equal(/ hidden/.test(words), !disabled, words)
  })
}
