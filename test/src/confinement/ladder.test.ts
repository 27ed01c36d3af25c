import { test } from 'tap'
import { Mute } from '../../../src/api/ladder.js'
import { ownWordOfName } from '../../../src/api/mute-words.js'
import { apiVersion } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import {
  completeCanary,
  isMuted,
  judgeCanary,
  promoteLadder,
  type PromoteOptions,
  rollbackLadder,
  withMute
} from '../../../src/confinement/ladder.js'
import { readDocument } from '../../helpers/documents.js'

const profile: SeccompProfile = {
  apiVersion,
  kind: 'SeccompProfile',
  metadata: { namespace: 'shop', name: 'web' },
  spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } }
}
const decision = { by: 'ann', at: '2026-01-01T00:00:00.000Z', reason: 'because' }

test('promote makes the mode stricter or keeps it; less strict only with force', (t) => {
  const cases: [PromoteOptions['current'], PromoteOptions['mode'], boolean][] = [
    ['learn', 'audit', true],
    ['learn', 'enforce', true],
    ['audit', 'audit', true],
    ['audit', 'enforce', true],
    ['enforce', 'enforce', true],
    ['enforce', 'audit', false]
  ]
  for (const [from, mode, fine] of cases) {
    const words = `${from} → ${mode}`
    const bare = () => promoteLadder(profile, { ...decision, mode, current: from })
    // Where a ladder says where the workload stands, what runs now does not matter.
    const known = { ...profile, spec: { ...profile.spec, ladder: { mode: from } } }
    const laddered = () => promoteLadder(known, { ...decision, mode, current: 'learn' })
    for (const promote of [bare, laddered]) {
      if (fine) t.equal(promote().spec.ladder?.mode, mode, words)
      else {
        t.throws(
          promote,
          {
            code: 'INVALID_ARGUMENT',
            message:
              /shop\/web is in enforce mode; audit is less strict: calls .* RuntimeDefault denies: they stay denied$/,
            hint: promote === bare ? /^add --force/ : /secco rollback shop\/web[^]*--force/
          },
          words
        )
      }
    }
    const forced = promoteLadder(known, { ...decision, mode, current: 'learn', force: true })
    t.equal(forced.spec.ladder?.mode, mode, `${words}, forced`)
    t.strictSame(forced.status?.history?.at(-1), {
      ...{ ...decision, action: 'promote', from, to: mode }
    })
  }
  t.end()
})

test('rollback returns to the place before the canary, however the canary ended', (t) => {
  const inAudit: SeccompProfile = {
    ...profile,
    spec: { ...profile.spec, ladder: { mode: 'audit' } },
    status: { previousRevision: `sha256:${'7'.repeat(64)}` }
  }
  const up = { ...decision, mode: 'enforce', current: 'audit' } as const
  const canary = promoteLadder(inAudit, { ...up, canary: 25 })
  t.strictSame(rollbackLadder(canary, decision).spec.ladder, { mode: 'audit' }, 'out of the canary')
  const whole = {
    'by itself': completeCanary(canary, decision),
    'by a person': promoteLadder(canary, up)
  }
  for (const [how, one] of Object.entries(whole)) {
    t.same(one.spec.ladder, { mode: 'enforce' }, how)
    const back = rollbackLadder(one, decision)
    t.same(back.spec.ladder, { mode: 'audit' }, `${how}: no revision that nobody enforced before`)
    t.strictSame(back.status?.history?.at(-1), {
      ...{ ...decision, action: 'rollback', from: 'enforce', to: 'audit' }
    })
  }
  t.end()
})

test('a canary is rolled back for denials and restarts, and complete without them', (t) => {
  const canary = {
    ...{ percent: 25, from: { mode: 'audit' as const }, startedAt: decision.at },
    quietFor: '10m'
  }
  const figures = {
    ...{ containers: 1, others: 3, denials: 0, restarts: 0, ageMs: 1000, quietMs: 600_000 },
    ...{ newest: 'getsid (EPERM) by web', recorded: 1, notRecorded: '' }
  }
  const unrecorded = { containers: 2, recorded: 0, notRecorded: 'n1 records nothing' }
  const old = { ageMs: 600_000 }
  const table: [string, Partial<typeof figures>, object, string, RegExp][] = [
    ['young', {}, {}, 'wait', /no denials and no restarts so far; required for 10m/],
    ['old enough', old, {}, 'complete', /no restarts for 10m in 1 container$/],
    ['no node records', { ...unrecorded, ...old }, {}, 'wait', /not recorded: n1 records nothing$/],
    ['one of two does', { ...unrecorded, ...old, recorded: 1 }, {}, 'complete', /in 1 container$/],
    ['nothing runs', { ageMs: 600_000, containers: 0 }, {}, 'wait', /no container/],
    ['a denial', { denials: 1 }, {}, 'return', /1 call denied in the canary: getsid/],
    ['as many denials as allowed', { denials: 2 }, { maxDenials: 2 }, 'wait', /no denials/],
    ['more than allowed', { denials: 3, containers: 0 }, { maxDenials: 2 }, 'return', /3 calls/],
    ['one restart', { restarts: 1 }, {}, 'wait', /no denials/],
    ['two', { restarts: 2, ageMs: 600_000 }, {}, 'return', /2 restarts of the canary/],
    ['no restart is allowed', { restarts: 1 }, { maxRestarts: 0 }, 'return', /1 restart of/]
  ]
  for (const [what, change, limits, verdict, reason] of table) {
    t.matchOnly(
      judgeCanary({ ...canary, ...limits }, { ...figures, ...change }),
      { verdict, reason },
      what
    )
  }
  t.end()
})

test('a mute goes by the name that a process gives itself, and says so', (t) => {
  const muted = withMute(profile, { syscall: 'getsid', comm: 'agent' }, decision, false)
  const taken = { syscall: 'getsid', comm: 'agent', pid: 4711 }
  t.ok(isMuted(muted, taken), 'whoever has the name')
  t.match(JSON.stringify(Mute.properties.comm), ownWordOfName)
  t.match(readDocument('docs/security.md'), /\*\*Mutes\*\*[^]*PR_SET_NAME/)
  t.end()
})

test('a mute is for one syscall, of one program or of all', (t) => {
  const muted = withMute(profile, { syscall: 'getsid', comm: 'agent' }, decision, false)
  t.equal(withMute(muted, { syscall: 'getsid', comm: 'agent' }, decision, false), muted, 'once')
  t.ok(isMuted(muted, { syscall: 'getsid', comm: 'agent' }))
  t.notOk(isMuted(muted, { syscall: 'getsid', comm: 'app' }), 'another program')
  t.notOk(isMuted(muted, { syscall: 'mkdir', comm: 'agent' }), 'another syscall')
  t.notOk(isMuted(undefined, { syscall: 'getsid', comm: 'agent' }))
  const wide = withMute(muted, { syscall: 'mkdir' }, decision, false)
  t.ok(isMuted(wide, { syscall: 'mkdir', comm: 'app' }), 'any program')
  const back = withMute(wide, { syscall: 'getsid', comm: 'agent' }, decision, true)
  t.notOk(isMuted(back, { syscall: 'getsid', comm: 'agent' }))
  t.same(
    back.status?.history?.map(({ action, to }) => `${action} ${to}`),
    ['mute muted', 'mute muted', 'mute not muted']
  )
  t.end()
})

test('what is muted is opened again, whoever muted it', (t) => {
  const own = withMute(profile, { syscall: 'getsid', comm: 'agent' }, decision, false)
  const both = withMute(own, { syscall: 'getsid' }, decision, false)
  // [what, a mute, what is opened again, who stays muted]
  const table: [string, typeof both, { syscall: string; comm?: string }, string[]][] = [
    ['one process', own, { syscall: 'getsid', comm: 'agent' }, []],
    ['another process', own, { syscall: 'getsid', comm: 'app' }, ['agent']],
    ['another syscall', own, { syscall: 'mkdir' }, ['agent']],
    ['every process', own, { syscall: 'getsid' }, []],
    ['one of all', both, { syscall: 'getsid', comm: 'app' }, ['agent']],
    ['all', both, { syscall: 'getsid' }, []]
  ]
  for (const [what, before, mute, left] of table) {
    const after = withMute(before, mute, decision, true)
    const muted = ['agent', 'app'].filter((comm) => isMuted(after, { syscall: 'getsid', comm }))
    t.same(muted, left, what)
  }
  t.end()
})

test('after a rollback people decide: its policy is gone', (t) => {
  const spec = { ...profile.spec, ladder: { mode: 'enforce' as const, enforceAfter: '1h' } }
  const back = rollbackLadder({ ...profile, spec }, decision)
  t.same(back.spec.ladder, { mode: 'audit' })
  t.end()
})
