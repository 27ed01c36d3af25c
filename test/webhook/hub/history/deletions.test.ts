import { type Test, test } from 'tap'
import { apiVersion } from '../../../../src/api/names.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../../../src/api/seccomp-rule.js'
import { createLogger } from '../../../../src/lib/log.js'
import type { DeletedEvent } from '../../../../src/store/store.js'
import { HistoryRecorder } from '../../../../webhook/hub/history/history-recorder.js'
import { readObservation } from '../../../../webhook/hub/observations/read-observation.js'
import { quiet } from '../../../helpers/quiet.js'
import { nodeStatus, observationOf } from '../rig.js'
import { memoryStore } from './memory-store.js'

const workload = { namespace: 'default', kind: 'Container', name: 'web', container: '' }
const timing = { historyWaitMs: 1, historyWindowMs: 0, historySpacingMs: 0, retryMs: 10 }
const logger = createLogger('test', quiet)
const ref = { namespace: 'default', name: 'web' }
const minute = (at: number) => `2026-11-24T10:${String(at).padStart(2, '0')}:00.000Z`
const profileOf = (uid: string): SeccompProfile => ({
  ...{ apiVersion, kind: 'SeccompProfile', spec: {} },
  metadata: { ...ref, uid, creationTimestamp: '2026-11-24T09:00:00Z', generation: 1 }
})
const rule: SeccompRule = {
  ...{ apiVersion, kind: 'SeccompRule' },
  metadata: { namespace: 'default', name: 'teams', generation: 1 },
  spec: { podSelector: {}, profile: { name: 'web' }, mode: 'enforce' }
}
const gone = (uid: string, more: Partial<DeletedEvent> = {}): DeletedEvent => ({
  ...{ type: 'deleted', kind: 'SeccompProfile', ref, uid },
  ...more
})
const trouble = (since: string) =>
  new Map([['file-changed', { message: 'the file was changed', since }]])

/** Returns hubs on one store, each with a clock of its own, and what the history says of deletions. */
function hubs(t: Test) {
  const { store, documents } = memoryStore()
  const clock = { minute: 0 }
  const open = async (role = { isActive: true }, isFolder = false) => {
    const recorder = new HistoryRecorder({
      ...{ store, timing, logger, mayWrite: () => role.isActive, isFolder },
      now: () => Date.parse(minute(clock.minute))
    })
    t.teardown(() => recorder.close())
    await recorder.load()
    return recorder
  }
  const learn = (recorder: HistoryRecorder) => {
    const times = { firstSeen: minute(0), lastSeen: minute(0), complete: true }
    const observation = observationOf('n1/boot/40265.7.1', ['read'], times)
    const finding = readObservation(observation, 'n1', nodeStatus)
    if (typeof finding === 'string') throw new Error(finding)
    return recorder.observed('n1', observation, finding)
  }
  const told = async (recorder: HistoryRecorder) => {
    await recorder.flush()
    const { events = [] } = (await recorder.get(workload)) ?? {}
    return events
      .filter(({ id }) => /deleted|returned/.test(id))
      .map(({ at, text }) => `${at.slice(11, 16)} ${text}`)
  }
  const objects = async (recorder: HistoryRecorder) => (await recorder.get(workload))?.objects ?? []
  return { open, learn, told, objects, clock, documents }
}

const isBack = 'default/web is there again: the same object'
const ruleEnded = 'rule default/teams sets nothing with default/web any more'
const ofRule: DeletedEvent = {
  ...{ type: 'deleted', kind: 'SeccompRule' },
  ref: { namespace: 'default', name: 'teams' }
}
const wasDeleted = 'default/web was deleted; its containers keep their filter'

test('what cannot be read for now was not deleted', async (t) => {
  const { open, learn, told, clock } = hubs(t)
  const hub = await open()
  hub.stored({ type: 'applied', object: profileOf('u1') })
  await learn(hub)
  hub.stored({ type: 'applied', object: rule })
  hub.stored(gone('u1', { isUnreadable: true }))
  hub.stored({ ...ofRule, isUnreadable: true })
  t.same(await told(hub), [])
  clock.minute = 5
  hub.stored({ type: 'applied', object: profileOf('u1') })
  hub.stored({ type: 'applied', object: rule })
  t.same(await told(hub), [], 'it can be read again')
  hub.stored(gone('u1', { isUnreadable: true }))
  clock.minute = 7
  hub.stored(gone('u1'))
  t.same(await told(hub), [`10:07 ${wasDeleted}`], 'it was deleted while it could not be read')
  hub.stored(ofRule)
  t.same(await told(hub), [`10:07 ${wasDeleted}`, `10:07 ${ruleEnded}`])
})

test('two hubs record one deletion once', async (t) => {
  const { open, learn, told, clock } = hubs(t)
  const roles = [{ isActive: true }, { isActive: false }] as const
  const active = await open(roles[0])
  active.stored({ type: 'applied', object: profileOf('u1') })
  await learn(active)
  await active.flush()
  const standby = await open(roles[1])
  standby.stored({ type: 'applied', object: profileOf('u1') })
  clock.minute = 3
  active.stored(gone('u1'))
  t.same(await told(active), [`10:03 ${wasDeleted}`])
  clock.minute = 4
  standby.stored(gone('u1'))
  Object.assign(roles[0], { isActive: false })
  Object.assign(roles[1], { isActive: true })
  await standby.load()
  t.same(await told(standby), [`10:03 ${wasDeleted}`])
  standby.stored({ type: 'applied', object: profileOf('u2') })
  clock.minute = 9
  standby.stored(gone('u2', { at: '2026-11-24T10:08:00Z' }))
  t.same(
    await told(standby),
    [`10:03 ${wasDeleted}`, `10:08 ${wasDeleted}`],
    "another object of the name, and the object's own time"
  )
})

test('what was deleted while no hub ran is recorded once', async (t) => {
  // [what, how the first hub ends, what the next one finds, what history says, what the trail gets]
  const between = 'between 10:02:00 and 10:30:00 UTC, while no hub was running'
  const unsure = 'between 10:01:59 and 10:30:00 UTC, when no hub recorded it'
  const profileGone = (when: string) =>
    `10:30 default/web was deleted ${when}; its containers keep their filter`
  const ruleGone = (when: string) =>
    `10:30 rule default/teams sets nothing with default/web any more: deleted ${when}`
  const all = (when: string) => [profileGone(when), ruleGone(when)]
  type Left = 'nothing' | 'both' | 'another' | 'unreadable'
  const table: [string, 'stops' | 'killed', Left, string[], string[]][] = [
    ['nothing was deleted', 'stops', 'both', [], []],
    [
      'a hub that stopped',
      'stops',
      'nothing',
      all(between),
      [`SeccompProfile default/web ${between}`, `SeccompRule default/teams ${between}`]
    ],
    [
      'a hub that was killed',
      'killed',
      'nothing',
      all(unsure),
      [`SeccompProfile default/web ${unsure}`, `SeccompRule default/teams ${unsure}`]
    ],
    [
      'another object has the name',
      'stops',
      'another',
      [profileGone(between)],
      [`SeccompProfile default/web ${between}`]
    ],
    ['they cannot be read', 'stops', 'unreadable', [], []]
  ]
  for (const [what, end, left, expected, found] of table) {
    const { open, learn, told, clock } = hubs(t)
    const first = await open()
    first.hubStarted()
    first.stored({ type: 'applied', object: profileOf('u1') })
    await learn(first)
    first.stored({ type: 'applied', object: rule })
    clock.minute = 2
    if (end === 'stops') first.hubStopped()
    // The last sign of the other one.
    else first.troubles({ key: 'n1/c1@7', workload, troubles: trouble(minute(2)) })
    await first.flush()

    clock.minute = 30
    for (const nth of ['the next hub', 'one after that']) {
      const hub = await open()
      hub.hubStarted()
      const trail: string[] = []
      hub.onMissed(({ kind, object, when }) => trail.push(`${kind} ${object} ${when}`))
      const isThere = left === 'both' || left === 'another'
      const uid = left === 'another' ? 'u2' : 'u1'
      if (isThere) hub.stored({ type: 'applied', object: profileOf(uid) })
      if (isThere) hub.stored({ type: 'applied', object: rule })
      await hub.compare((_kind, _ref, asked) =>
        Promise.resolve(left === 'nothing' || (left === 'another' && asked === 'u1'))
      )
      t.same(await told(hub), expected, `${what}, ${nth}`)
      t.same(trail, nth === 'the next hub' ? found : [], `${what}, ${nth}: the trail`)
      clock.minute += 10
    }
  }
})

test('what a standby saw be deleted is no deletion while no hub ran', async (t) => {
  const { open, learn, told, clock } = hubs(t)
  const roles = [{ isActive: true }, { isActive: false }] as const
  const active = await open(roles[0])
  active.hubStarted()
  active.stored({ type: 'applied', object: profileOf('u1') })
  const standby = await open(roles[1])
  standby.hubStarted()
  standby.stored({ type: 'applied', object: profileOf('u1') })
  // The standby has not read the history of this workload.
  await learn(active)
  await active.flush()
  Object.assign(roles[0], { isActive: false })
  clock.minute = 3
  standby.stored(gone('u1'))
  clock.minute = 4
  Object.assign(roles[1], { isActive: true })
  await standby.load()
  await standby.compare(() => Promise.resolve(true))
  t.same(await told(standby), [`10:03 ${wasDeleted}`])
  await standby.compare(() => Promise.resolve(true))
  standby.onMissed(() => t.fail('the trail has it already'))
  t.equal((await told(standby)).length, 1)
})

test('what was gone before a standby watched, while another hub was active, has no time at which it began', async (t) => {
  const { open, learn, told, clock } = hubs(t)
  const roles = [{ isActive: true }, { isActive: false }] as const
  const active = await open(roles[0])
  active.hubStarted()
  active.stored({ type: 'applied', object: profileOf('u1') })
  await learn(active)
  clock.minute = 3
  const standby = await open(roles[1])
  standby.hubStarted()
  clock.minute = 6
  active.hubStopped()
  await active.flush()
  Object.assign(roles[0], { isActive: false })
  Object.assign(roles[1], { isActive: true })
  clock.minute = 7
  await standby.load()
  await standby.compare(() => Promise.resolve(true))
  const when = 'before 2026-11-24 10:03:00 UTC, when no hub recorded it'
  t.same(await told(standby), [
    `10:03 default/web was deleted ${when}; its containers keep their filter`
  ])
})

test('a file that was away for a moment was not deleted for good, and its deletion later is told', async (t) => {
  // [what, whether a hub runs at the real deletion, what is said of it]
  const between = 'between 10:06:00 and 10:30:00 UTC, while no hub was running'
  const table: [string, boolean, string[]][] = [
    ['while a hub runs', true, [`10:30 ${wasDeleted}`, `10:30 ${ruleEnded}`]],
    [
      'while no hub runs',
      false,
      [
        `10:30 default/web was deleted ${between}; its containers keep their filter`,
        `10:30 ${ruleEnded}: deleted ${between}`
      ]
    ]
  ]
  for (const [what, isRunning, last] of table) {
    const { open, learn, told, clock, objects } = hubs(t)
    const apply = (hub: HistoryRecorder) => {
      hub.stored({ type: 'applied', object: profileOf('u1') })
      hub.stored({ type: 'applied', object: rule })
    }
    const remove = (hub: HistoryRecorder) => {
      hub.stored(gone('u1'))
      hub.stored(ofRule)
    }
    const first = await open()
    first.hubStarted()
    apply(first)
    await learn(first)
    const away: string[] = []
    for (const minutes of [2, 4]) {
      clock.minute = minutes
      remove(first)
      away.push(`10:0${minutes} ${wasDeleted}`, `10:0${minutes} ${ruleEnded}`)
      clock.minute += 1
      apply(first)
      apply(first)
      away.push(`10:0${minutes + 1} ${isBack}`)
      t.same(await told(first), away, `${what}: away`)
      t.match(await objects(first), [{ uid: 'u1', returns: minutes / 2, deleted: undefined }])
    }
    clock.minute = 6
    first.hubStopped()
    await first.flush()
    clock.minute = isRunning ? 20 : 30
    const next = await open()
    next.hubStarted()
    if (isRunning) {
      apply(next)
      clock.minute = 30
      remove(next)
    }
    await next.compare(() => Promise.resolve(!isRunning))
    t.same(await told(next), [...away, ...last], what)
    t.match(await objects(next), [{ uid: 'u1', returns: 2, deleted: minute(30) }])
  }
})

test('two hubs record a file that was away, and its deletion, once each', async (t) => {
  const { open, learn, told, clock, objects } = hubs(t)
  const roles = [{ isActive: true }, { isActive: false }] as const
  const active = await open(roles[0])
  const both = [active, await open(roles[1])] as const
  for (const hub of both) hub.stored({ type: 'applied', object: profileOf('u1') })
  await learn(active)
  await active.flush()
  await both[1].load()
  for (const nth of [0, 1]) {
    for (const hub of both) {
      clock.minute += 1
      hub.stored(gone('u1'))
    }
    for (const hub of both) if (nth === 0) hub.stored({ type: 'applied', object: profileOf('u1') })
  }
  const expected = [`10:01 ${wasDeleted}`, `10:02 ${isBack}`, `10:03 ${wasDeleted}`]
  t.same(await told(active), expected)
  Object.assign(roles[0], { isActive: false })
  Object.assign(roles[1], { isActive: true })
  await both[1].load()
  await both[1].compare(() => Promise.resolve(true))
  t.same(await told(both[1]), expected)
  t.match(await objects(both[1]), [{ uid: 'u1', returns: 1, deleted: minute(3) }])
})

test('a hub that ended before it recorded that a file is back: the next one does, unless it is gone', async (t) => {
  for (const isThere of [true, false]) {
    const { open, learn, told, clock } = hubs(t)
    const role = { isActive: true }
    const active = await open(role)
    active.stored({ type: 'applied', object: profileOf('u1') })
    await learn(active)
    const standbyRole = { isActive: false }
    const standby = await open(standbyRole)
    standby.stored({ type: 'applied', object: profileOf('u1') })
    clock.minute = 1
    active.stored(gone('u1'))
    await active.flush()
    Object.assign(role, { isActive: false })
    Object.assign(standbyRole, { isActive: true })
    clock.minute = 2
    await standby.load()
    // What the standby's watch has not delivered yet is asked for.
    await standby.compare(() => Promise.resolve(!isThere))
    const back = isThere ? [`10:02 ${isBack}`] : []
    t.same(await told(standby), [`10:01 ${wasDeleted}`, ...back])
    clock.minute = 3
    standby.stored(gone('u1'))
    const again = isThere ? [`10:03 ${wasDeleted}`] : []
    t.same(await told(standby), [`10:01 ${wasDeleted}`, ...back, ...again])
  }
})

test('in a folder an object that another one followed is over, also where no end of it is recorded', async (t) => {
  for (const isFolder of [true, false]) {
    const { open, learn, told, clock } = hubs(t)
    const first = await open()
    first.stored({ type: 'applied', object: profileOf('u1') })
    await learn(first)
    await first.flush()
    // As the hub of a cluster does, and an earlier release did.
    const second = await open()
    const later = profileOf('u2')
    later.metadata.creationTimestamp = '2026-11-24T10:01:00Z'
    second.stored({ type: 'applied', object: later })
    clock.minute = 2
    second.stored(gone('u2'))
    t.same(await told(second), [`10:02 ${wasDeleted}`])
    const third = await open({ isActive: true }, isFolder)
    clock.minute = 5
    third.hubStarted()
    await third.compare(() => Promise.resolve(true))
    t.equal((await told(third)).length, isFolder ? 1 : 2)
  }
})
