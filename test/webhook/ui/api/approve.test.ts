import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { approveObserved } from '../../../../src/seccomp/review/approve.js'
import { approveRoutes } from '../../../../webhook/ui/api/approve.js'
import type { Call } from '../../../../webhook/ui/model/context.js'
import { derivedOf } from '../../../../webhook/ui/model/derived.js'
import type { UiSources } from '../../../../webhook/ui/model/sources.js'
import { denial, profile, startUiRig } from '../rig.js'
import { nothing, profileOf } from '../../../helpers/seccomp-profiles.js'

const now = Date.parse('2026-01-01T00:00:00Z')
const seen = (names: string[]): SeccompProfile => ({
  ...profileOf({ workload: { kind: 'Deployment', name: 'web', container: 'app' } }, 'web'),
  status: { observed: { x86_64: names } }
})

test('an approval without names leaves out what was denied or logged, and says so', async (t) => {
  const denied = (syscall: string, more: object) => ({ ...denial, syscall, call: syscall, ...more })
  const denials = () => [
    denied('chroot', { action: 'SCMP_ACT_LOG' }),
    denied('getsid', { state: 'muted' }),
    denied('setsid', {})
  ]
  const object = { ...profile, status: { observed: { x86_64: ['chroot', 'getsid', 'read'] } } }
  const rig = await startUiRig({ objects: [object], denials })
  t.teardown(() => rig.app.close())
  const url = '/api/v1/profiles/shop/checkout.app/approve'
  const approvedNow = () =>
    (rig.profiles()[0]?.spec.seccomp?.syscalls ?? []).flatMap(({ names }) => names)
  const whole = await rig.send('POST', url, { reason: 'seen' })
  t.match(whole.json(), { approvals: 1, left: ['chroot', 'getsid'] })
  t.same(approvedNow(), ['read'])
  t.same(rig.profiles()[0]?.status?.observed, object.status.observed, 'observed stays')
  const named = await rig.send('POST', url, { reason: 'needed', allow: ['chroot'] })
  t.match(named.json(), { left: ['getsid'] })
  t.same(approvedNow(), ['chroot', 'read'], 'a person named it')
})

test('an approval of what was shown takes no observation that arrives before it is written', async (t) => {
  const shown = seen(['read', 'write'])
  const sources = {
    ...{ profiles: () => [shown], everyProfile: () => [shown], isReadable: () => true },
    ...{ rendering: () => ({}), denials: () => [], denialViews: () => [], onChange: () => nothing },
    ...{ denialsKnownSince: nothing, missing: () => [], nodes: () => [], states: () => [] },
    ...{ rules: () => [], storedRules: () => Promise.resolve([]) }
  } as unknown as UiSources
  const decision = { by: 'olga', at: new Date(now).toISOString(), reason: 'seen' }
  const expect = derivedOf(sources, now).digest(approveObserved(shown, decision))
  const route = approveRoutes.find(({ operationId }) => operationId === 'approveProfile')
  const approve = async (atWrite: SeccompProfile) => {
    let stored = atWrite
    const store = {
      get: () => Promise.resolve(shown),
      update: (_kind: string, _ref: object, change: (one: SeccompProfile) => SeccompProfile) => {
        stored = change(stored)
        return Promise.resolve(stored)
      }
    }
    const call = {
      ...{ ui: { sources, store, now: () => now }, identity: { user: 'olga' } },
      ...{ params: { namespace: 'shop', name: 'web' }, query: {} }
    } as unknown as Call
    const answer = Promise.resolve(route?.handle(call, { reason: 'seen', expect }, () => true))
    const code = await answer.then(
      () => 'approved',
      (error: unknown) => (error as { code: string }).code
    )
    return [code, ...(stored.spec.seccomp?.syscalls ?? []).flatMap(({ names }) => names)]
  }
  t.same(await approve(shown), ['approved', 'read', 'write'])
  t.same(await approve(seen(['bpf', 'mount', 'read', 'write'])), ['CONFLICT'])
})
