import { test } from 'tap'
import { apiVersion } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { createLogger } from '../../../src/log.js'
import type { DenialRow } from '../../../webhook/hub/denial-rows.js'
import type { ContainerView } from '../../../webhook/truth/container-views.js'
import { startLadderWatch } from '../../../webhook/truth/ladder-watch.js'
import { refusedLately } from '../../../webhook/truth/refused-lately.js'
import type { Truth } from '../../../webhook/truth/truth.js'
import { quiet } from '../../helpers/quiet.js'

const began = Date.parse('2026-01-01T00:00:00Z')
const [audit, enforce] = ['a', 'e'].map((one) => `sha256:${one.repeat(64)}`) as [string, string]
const step = { at: new Date(began).toISOString(), by: 'jo', from: 'learn' }

function profileWith(ladder: SeccompProfile['spec']['ladder'], to: string): SeccompProfile {
  const history = [{ ...step, action: 'promote' as const, to }]
  return {
    ...{ apiVersion, kind: 'SeccompProfile', metadata: { namespace: 'shop', name: 'web' } },
    ...{ spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' }, ladder }, status: { history } }
  } as SeccompProfile
}

/** The watch of one hub, what it makes of a profile after so many seconds, and what other hubs say meanwhile. */
function watchOf(given: SeccompProfile) {
  let profile = given
  let now = began
  let elsewhere: ((digest: string) => number) | undefined
  const view = { profile: 'shop/web', learned: '', revision: enforce, state: 'enforced' }
  const truth = {
    sources: {
      now: () => now,
      logger: createLogger('test', quiet),
      store: {
        update: (_kind: string, _ref: object, change: (one: SeccompProfile) => SeccompProfile) => {
          profile = change(profile)
          return Promise.resolve(profile)
        }
      },
      get refusedElsewhere() {
        return elsewhere
      },
      hub: {
        profiles: () =>
          new Map([['shop/web', { audit: { digest: audit }, enforce: { digest: enforce } }]]),
        denialRows: { list: () => [], onNews: () => () => undefined }
      }
    },
    restarts: { of: () => 0 },
    views: { list: () => [view as ContainerView] }
  } as unknown as Truth
  const watch = startLadderWatch(truth, () => [profile])
  return {
    close: () => watch.close(),
    async after(seconds: number, refusedAt?: number) {
      now = began + seconds * 1000
      elsewhere = refusedAt === undefined ? undefined : () => refusedAt
      await watch.look()
      return profile.spec.ladder
    }
  }
}

test('a policy does not enforce what another hub saw refused', async (t) => {
  const inAudit = profileWith({ mode: 'audit', enforceAfter: '60s' }, 'audit')
  const alone = watchOf(inAudit)
  t.match(await alone.after(59), { mode: 'audit' })
  t.match(await alone.after(61), { mode: 'enforce' })
  await alone.close()

  const oneOfTwo = watchOf(inAudit)
  t.match(await oneOfTwo.after(61, 0), { mode: 'audit' }, 'the other one may not have said yet')
  t.match(await oneOfTwo.after(3600, began + 5000), { mode: 'audit' }, 'it saw a call')
  t.match(await oneOfTwo.after(3600, began - 5000), { mode: 'enforce' }, 'before it was in audit')
  await oneOfTwo.close()
})

test('a canary is not complete while another hub saw it refuse something', async (t) => {
  const from = { mode: 'audit' as const }
  const canary = { percent: 25, from, startedAt: step.at, quietFor: '60s' }
  const trial = watchOf(profileWith({ mode: 'enforce', canary }, 'enforce for 25%'))
  t.match(await trial.after(100, began + 1000), { canary: { percent: 25 } })
  t.same(await trial.after(101, 0), { mode: 'enforce' })
  await trial.close()
})

test('when a revision refused something that alarms', (t) => {
  const row = (over: Partial<DenialRow>) =>
    ({
      ...{ namespace: 'shop', profile: 'web', syscall: 'bpf', comm: 'web', revision: audit },
      ...{ expected: false, lastSeen: '2026-01-01T00:00:01Z', ...over }
    }) as DenialRow
  const muting = profileWith(undefined, 'audit')
  muting.spec.mute = [{ syscall: 'bpf', by: 'jo', at: step.at }]
  const rows = [
    row({}),
    row({ lastSeen: '2026-01-01T00:00:03Z' }),
    row({ lastSeen: '2026-01-01T00:00:09Z', expected: true }),
    row({ revision: '' }),
    row({ revision: enforce, syscall: 'mount' })
  ]
  t.same(
    [...refusedLately(rows, [])],
    [
      [audit, began + 3000],
      [enforce, began + 1000]
    ]
  )
  t.same([...refusedLately(rows, [muting])], [[enforce, began + 1000]], 'muted')
  t.end()
})
