import { test } from 'tap'
import { apiVersion } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { promoteLadder, rollbackLadder, withMute } from '../../../src/confinement/ladder.js'
import { pinOf, pinText, pinWords } from '../../../src/confinement/pin.js'
import { settledMode } from '../../../src/rules/resolve.js'

const [first, second] = ['1', '2'].map((digit) => `sha256:${digit.repeat(64)}`)
const decision = { by: 'ann', at: '2026-01-01T00:00:00Z', reason: 'because' }
const profile: SeccompProfile = {
  ...{ apiVersion, kind: 'SeccompProfile' },
  metadata: { namespace: 'shop', name: 'web' },
  spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' }, ladder: { mode: 'enforce' } },
  status: { revision: second ?? '', previousRevision: first ?? '' }
}

test('a rollback to an earlier revision is a pin, which the command in its words leaves', (t) => {
  t.equal(pinOf(profile), undefined)
  const back = rollbackLadder(profile, decision)
  const muted = withMute(back, { syscall: 'bpf' }, { ...decision, by: 'bob' }, false)
  const pin = pinOf(muted)
  t.equal(
    pin && pinText(pin),
    'pinned to web@11111111 since 2026-01-01T00:00:00Z, by ann; the newest approved is web@22222222; ' +
      'to leave the pin: secco promote shop/web enforce --reason WHY'
  )
  const free = promoteLadder(back, { ...decision, mode: 'enforce', current: 'enforce' })
  t.equal(pinOf(free), undefined, 'left')
  t.equal(
    pinOf({ ...profile, spec: { ladder: { mode: 'learn', revision: first ?? '' } } }),
    undefined
  )
  const blocked = { ...back, status: { ...back.status, revision: first, approvedRevision: second } }
  t.equal(pinOf(blocked as SeccompProfile)?.newest, 'web@22222222', 'not what a block leaves')
  t.end()
})

test('what is said of a pin holds under every rule', (t) => {
  const path = (digest = '') => ({ path: digest, digest })
  const wrong: string[] = []
  let loose = 0
  for (const namespace of ['shop', 'secco-system'])
    for (const mode of ['audit', 'enforce'] as const) {
      const spec = { ladder: { mode, revision: first ?? '' } }
      const pin = pinOf({ ...profile, metadata: { namespace, name: 'web' }, spec })
      if (pin === undefined) throw new Error('no pin')
      const state = {
        ...{ namespace, name: 'web', approved: true, audit: path(second), enforce: path(second) },
        ladder: { mode, revision: path(first) }
      } as unknown as Parameters<typeof settledMode>[1]
      for (const platform of [false, true])
        for (const rule of ['learn', 'audit', 'enforce'] as const) {
          const { revision } = settledMode({ platform, mode: rule }, state)
          const isExcepted = pin.exception !== '' && platform && rule === 'enforce'
          if (isExcepted) loose += 1
          if ((revision?.digest === first) === isExcepted)
            wrong.push(`${namespace}, pinned in ${mode}, ${platform ? 'root' : 'own'} rule ${rule}`)
        }
    }
  t.same(wrong, [])
  t.equal(loose, 1, 'only an audit pin of another namespace, under a root rule that enforces')
  const audit = pinOf({ ...profile, spec: { ladder: { mode: 'audit', revision: first ?? '' } } })
  t.equal(
    audit && pinWords(audit),
    'pinned to web@11111111, but where a rule of secco-system enforces; the newest approved is web@22222222'
  )
  t.end()
})
