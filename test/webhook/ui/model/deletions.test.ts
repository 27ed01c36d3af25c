import { setTimeout as rest } from 'node:timers/promises'
import { test } from 'tap'
import { apiVersion } from '../../../../src/api/names.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../../../src/api/seccomp-rule.js'
import { createLogger } from '../../../../src/lib/log.js'
import { openAuditTrail } from '../../../../webhook/ui/model/audit-trail.js'
import { noteDeletions, outlineOf } from '../../../../webhook/ui/model/deletions.js'
import { quiet } from '../../../helpers/quiet.js'

const logger = createLogger('test', quiet)
const second = (at: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, at)).toISOString()
const metadata = { namespace: 'shop', name: 'web', creationTimestamp: second(0) }
const profile: SeccompProfile = {
  ...{ apiVersion, kind: 'SeccompProfile', metadata, spec: {} },
  status: { approvals: [{ by: 'ann', at: second(2), reason: 'why', revision: '', digest: 'd' }] }
}
const rule: SeccompRule = {
  ...{ apiVersion, kind: 'SeccompRule', metadata },
  spec: { mode: 'learn' }
}
const later = { ...profile, metadata: { ...metadata, creationTimestamp: second(21) } }
const byAnn = { user: 'ann', object: 'shop/web', detail: '', status: 200 }
const deletedByAnn = { ...byAnn, at: second(20), action: 'deleteProfile' }
const approval = `2 approved ann shop/web why`
const unknown = (kind: string) =>
  `20 delete${kind} not known shop/web deleted; by whom is not known`

// [what, what was deleted, the profiles of after that, what the trail has, what it has then]
type Row = [string, SeccompProfile | SeccompRule, SeccompProfile[], object[], string[]]
const table: Row[] = [
  ['by the command line', profile, [], [], [unknown('Profile'), approval]],
  ['a rule', rule, [], [], [unknown('Rule')]],
  ['by the page', profile, [], [deletedByAnn], ['20 deleteProfile ann shop/web ', approval]],
  [
    'the page was rejected',
    profile,
    [],
    [{ ...deletedByAnn, status: 403 }],
    [unknown('Profile'), '20 deleteProfile ann shop/web ', approval]
  ],
  [
    'many decisions: the trail is for everybody',
    {
      ...profile,
      status: {
        approvals: [1, 2, 3, 4, 5, 6, 7].map((at) => ({
          ...{ by: 'ann', at: second(at), reason: 'why', revision: '', digest: 'd' }
        }))
      }
    },
    [],
    [],
    [unknown('Profile'), ...[7, 6, 5, 4, 3].map((at) => `${at} approved ann shop/web why`)]
  ],
  ['another one has its name by now', profile, [later], [], [unknown('Profile'), approval]],
  ['it was only away', profile, [profile], [], [approval]],
  [
    'the approval is an action of the page',
    profile,
    [],
    [{ ...byAnn, at: second(2), action: 'approveProfile', detail: 'why' }],
    [unknown('Profile'), '2 approveProfile ann shop/web why']
  ]
]

for (const isClosed of [false, true]) {
  test(`a deletion is in the trail${isClosed ? ', also of a hub that stops' : ''}`, async (t) => {
    for (const [what, object, profiles, actions, expected] of table) {
      const audit = await openAuditTrail(undefined, logger)
      let tell: (object: SeccompProfile | SeccompRule) => void = () => undefined
      const objects = {
        ...{ profiles: () => profiles, rules: () => [] },
        onDeleted: (listener: typeof tell) => {
          tell = listener
        }
      }
      const now = () => Date.parse(second(20))
      const stop = noteDeletions({ objects, audit, now, waitMs: isClosed ? 60_000 : 1 })
      // Pages and API note an action once it has happened: that of the deletion may come after its event.
      const all = actions as Parameters<typeof audit.note>[0][]
      for (const one of all) if (one.at !== second(20)) audit.note(one)
      tell(object)
      for (const one of all) if (one.at === second(20)) audit.note(one)
      if (!isClosed) await rest(20)
      stop()
      const lines = audit
        .list()
        .map(({ at, action, user, object: about, detail }) =>
          [(Date.parse(at) / 1000) % 60, action, user, about, detail].join(' ')
        )
      t.same(lines, expected, what)
    }
  })
}

/** Returns a replica on standby that hears of rules that are deleted, `r20` at second 20, and may become the active hub. */
async function startStandby({
  sign,
  vacant
}: {
  sign?: string | undefined
  vacant?: string | undefined
}) {
  const audit = await openAuditTrail(undefined, logger)
  let tellOf: (object: SeccompRule) => void = () => undefined
  let become: (what: 'active' | 'standby') => void = () => undefined
  let [isActive, now] = [false, 0]
  const stop = noteDeletions({
    ...{ audit, now: () => Date.parse(second(now)), waitMs: 60_000 },
    objects: {
      ...{ profiles: () => [], rules: () => [] },
      onDeleted: (listener) => {
        tellOf = listener
      }
    },
    role: {
      ...{ isActive: () => isActive, lastSign: () => sign, vacantSince: () => vacant },
      onChange: (listener) => {
        become = listener
        return () => undefined
      }
    }
  })
  return {
    audit,
    tell: (at: number) => {
      now = at
      tellOf({ ...rule, metadata: { ...metadata, name: `r${at}` } })
    },
    takeOver: () => {
      isActive = true
      become('active')
      stop()
    }
  }
}

test('of two hubs the active one notes a deletion, and the next one what nobody noted', async (t) => {
  // [what, at which seconds the standby saw deletions, how the other hub ended and when, those that it notes]
  const table: [string, number[], { sign?: number; vacant?: number }, number[]][] = [
    ['the other one was killed', [1, 16, 22], { sign: 20, vacant: 20 }, [22, 16]],
    ['the other one stopped', [1, 16, 22], { vacant: 20 }, [22]],
    ['nobody led before', [1, 16], {}, [16, 1]]
  ]
  for (const [what, seen, { sign, vacant }, expected] of table) {
    const optional = (at: number | undefined) => (at === undefined ? undefined : second(at))
    const replica = await startStandby({ sign: optional(sign), vacant: optional(vacant) })
    for (const at of seen) replica.tell(at)
    t.same(replica.audit.list(), [], `${what}: a standby notes nothing`)
    replica.takeOver()
    t.same(
      replica.audit.list().map(({ at, object }) => [(Date.parse(at) / 1000) % 60, object]),
      expected.map((at) => [at, `shop/r${at}`]),
      what
    )
  }
})

test('what was deleted while no hub ran is in the trail', async (t) => {
  const audit = await openAuditTrail(undefined, logger)
  const when = 'between 10:00:00 and 10:30:00 UTC, while no hub was running'
  const stop = noteDeletions({
    ...{ audit, now: () => 0 },
    objects: { profiles: () => [], rules: () => [], onDeleted: () => undefined },
    onMissed: (listener) => {
      listener({ kind: 'SeccompRule', object: 'shop/web', at: second(30), from: '', when })
      return () => undefined
    }
  })
  stop()
  const detail = `deleted ${when}; by whom is not known`
  const line = { at: second(30), user: 'not known', action: 'deleteRule', object: 'shop/web' }
  t.same(audit.list(), [{ ...line, status: 200, detail }])
})

test('what the trail has of the time when no hub recorded it is not noted again', async (t) => {
  const done = { user: 'ann', action: 'deleteRule', object: 'shop/web', detail: '', status: 200 }
  // [what, what the trail has, whether the deletion is noted]
  const table: [string, object, boolean][] = [
    ['a person deleted it on a page', { ...done, at: second(20) }, false],
    ['the hub noted it', { ...done, user: 'not known', at: second(20) }, false],
    ['before that time', { ...done, at: second(9) }, true],
    ['another object', { ...done, at: second(20), object: 'shop/api' }, true],
    ['another kind', { ...done, at: second(20), action: 'deleteProfile' }, true],
    ['it was rejected', { ...done, at: second(20), status: 403 }, true],
    ['it was only tried', { ...done, at: second(20), dryRun: true }, true]
  ]
  for (const [what, entry, isNoted] of table) {
    const audit = await openAuditTrail(undefined, logger)
    audit.note(entry as Parameters<typeof audit.note>[0])
    const span = { from: second(10), at: second(30), when: 'between' }
    const stop = noteDeletions({
      ...{ audit, now: () => 0 },
      objects: { profiles: () => [], rules: () => [], onDeleted: () => undefined },
      onMissed: (listener) => {
        listener({ kind: 'SeccompRule', object: 'shop/web', ...span })
        return () => undefined
      }
    })
    stop()
    t.equal(audit.list().length, isNoted ? 2 : 1, what)
  }
})

test('a hub on standby keeps little of a deleted object, and that not for long', async (t) => {
  const text = 'x'.repeat(1_500_000)
  const approvals = Array.from({ length: 100 }, (_one, nth) => ({
    ...{ by: 'ann', at: second(nth), reason: text, revision: '', digest: text }
  }))
  const large: SeccompProfile = {
    ...{ apiVersion, kind: 'SeccompProfile', status: { approvals } },
    metadata: { ...metadata, annotations: { text } },
    spec: {
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names: [text], action: 'SCMP_ACT_ALLOW' }]
      }
    }
  }
  t.ok(JSON.stringify(outlineOf(large)).length < 32_000)
  t.same(outlineOf(profile), profile)
  t.same(outlineOf(rule), { ...rule, spec: { mode: 'learn' } })

  const replica = await startStandby({})
  for (const at of [0, 60, 630]) replica.tell(at)
  replica.takeOver()
  t.same(
    replica.audit.list().map(({ object }) => object),
    ['shop/r630', 'shop/r60']
  )
})
