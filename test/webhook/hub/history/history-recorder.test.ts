import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { Hello } from '../../../../src/api/gen/hub.js'
import { apiVersion } from '../../../../src/api/names.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { historyLines } from '../../../../src/history/history-lines.js'
import { gapOfEvent, mostGaps } from '../../../../src/history/recording-gap.js'
import {
  emptyHistory,
  historyName,
  type WorkloadHistory,
  type WorkloadKey
} from '../../../../src/history/workload-history.js'
import type { HistoryStore } from '../../../../src/store/history-store.js'
import { createLogger } from '../../../../src/lib/log.js'
import { openDirectoryStore } from '../../../../src/store/directory.js'
import { HistoryRecorder, mostWorkloads } from '../../../../webhook/hub/history/history-recorder.js'
import { installationKey } from '../../../../webhook/hub/history/installation.js'
import { ProfileEvents } from '../../../../webhook/hub/history/profile-events.js'
import { readObservation } from '../../../../webhook/hub/observations/read-observation.js'
import { memoryStore } from './memory-store.js'
import { quiet } from '../../../helpers/quiet.js'
import { nodeStatus, observationOf } from '../rig.js'

const workload: WorkloadKey = {
  ...{ namespace: 'default', kind: 'Container', name: 'web', container: '' }
}
const timing = { historyWaitMs: 1, historyWindowMs: 0, historySpacingMs: 0, retryMs: 10 }
const digest = `sha256:${'a'.repeat(64)}`

/**
 * Returns how to start recorders on one folder, each an hour after the one before.
 * @param lastSign of the hub before each of them
 */
async function recorders(t: Test, lastSign?: () => string | undefined) {
  const folder = await mkdtemp(join(tmpdir(), 'secco-history-'))
  const { history } = await openDirectoryStore(folder)
  const opened: HistoryRecorder[] = []
  t.teardown(async () => {
    for (const recorder of opened) await recorder.close()
    await rm(folder, { recursive: true })
  })
  let hour = 10
  return async () => {
    const now = Date.parse(`2026-11-24T${hour++}:00:00.000Z`)
    const logger = createLogger('test', quiet)
    const recorder = new HistoryRecorder({
      ...{ store: history, timing, logger, now: () => now },
      ...(lastSign === undefined ? {} : { lastSign })
    })
    opened.push(recorder)
    await recorder.load()
    return recorder
  }
}

function observe(recorder: HistoryRecorder, at: string, complete = true): Promise<void> {
  const observation = observationOf('n1/boot/40265.7.1', ['read'], {
    ...{ firstSeen: at, lastSeen: at, complete, revision: digest }
  })
  const finding = readObservation(observation, 'n1', nodeStatus)
  if (typeof finding === 'string') throw new Error(finding)
  return recorder.observed('n1', observation, finding)
}

const profile: SeccompProfile = {
  apiVersion,
  kind: 'SeccompProfile',
  metadata: { namespace: 'default', name: 'web' },
  spec: { workload: { kind: 'Container', name: 'web' } },
  status: {
    revision: digest,
    approvals: [{ at: '2026-11-24T09:00:00Z', by: 'ann', reason: 'reviewed', revision: digest }],
    history: [
      {
        at: '2026-11-24T09:10:00Z',
        by: 'ann',
        action: 'canary',
        from: 'audit',
        to: 'enforce for 5%'
      },
      {
        at: '2026-11-24T09:30:00Z',
        by: 'policy',
        action: 'complete',
        from: 'enforce for 5%',
        to: 'enforce'
      }
    ],
    conditions: [
      {
        ...{ type: 'Ready', status: 'True', reason: 'AllNodesReady', message: '' },
        lastTransitionTime: '2026-11-24T09:01:00Z'
      }
    ]
  }
}

test('drift keeps its time when the hub is restarted, and ends once', async (t) => {
  const start = await recorders(t)
  const since = '2026-11-24T09:00:00.000Z'
  const trouble = { key: 'n1/c1@7', workload }
  const drift = { message: 'the file was changed', since }
  const first = await start()
  first.troubles({ ...trouble, troubles: new Map([['file-changed', drift]]) })
  t.equal(first.troubledSince('n1/c1@7', 'file-changed'), since)
  await first.close()

  const second = await start()
  t.equal(second.troubledSince('n1/c1@7', 'file-changed'), since, 'known before any node reports')
  t.equal(second.troubledSince('n1/c1@7', 'unprotected'), undefined)
  t.equal(second.troubledSince('n1/c1@8', 'file-changed'), undefined, 'another run')
  second.troubles({ ...trouble, troubles: new Map([['file-changed', drift]]) })
  await second.flush()
  t.equal((await second.get(workload))?.events.length, 1, 'it is the same')
  second.troubles({ ...trouble, troubles: new Map() })
  second.troubles({ ...trouble, troubles: new Map() })
  await second.close()

  const third = await start()
  t.equal(third.troubledSince('n1/c1@7', 'file-changed'), undefined, 'it has ended')
  t.match((await third.get(workload))?.events, [
    { what: 'drift', at: since, until: '2026-11-24T11:00:00.000Z', text: 'the file was changed' }
  ])
  await third.close()
})

test('decisions are in the history of their workload, once, whenever it is first seen', async (t) => {
  const start = await recorders(t)
  const first = await start()
  first.stored({ type: 'applied', object: profile })
  first.stored({
    type: 'applied',
    object: {
      ...{ apiVersion, kind: 'SeccompRule', metadata: { namespace: 'default', name: 'teams' } },
      spec: { podSelector: {}, profile: { name: 'web' }, mode: 'audit' }
    }
  })
  await observe(first, '2026-11-24T09:40:00.000Z')
  await first.close()
  const second = await start()
  second.stored({ type: 'applied', object: profile })
  await observe(second, '2026-11-24T10:40:00.000Z', false)
  second.stored({
    type: 'deleted',
    kind: 'SeccompProfile',
    ref: { namespace: 'default', name: 'web' }
  })
  await second.flush()
  const history = await second.get(workload)
  t.equal(history?.starts.length, 1, 'what Secco meets again is no start')
  t.strictSame(history && historyLines(history).map(({ at, what, by }) => `${at} ${what} ${by}`), [
    '2026-11-24T09:00:00Z approval ann',
    '2026-11-24T09:01:00Z delivery ',
    '2026-11-24T09:10:00Z canary ann',
    '2026-11-24T09:30:00Z canary policy',
    '2026-11-24T09:40:00.000Z start ',
    '2026-11-24T09:40:00.000Z new ',
    '2026-11-24T10:00:00.000Z mode ',
    '2026-11-24T11:00:00.000Z mode '
  ])
  t.equal(
    history?.events.at(-1)?.text,
    'default/web was deleted; its containers keep their filter',
    'a deletion is the last decision'
  )
  await second.close()
})

test('a mode and a revision that come back are told again, once, and so is the end of a rule', async (t) => {
  const start = await recorders(t)
  const first = await start()
  await observe(first, '2026-11-24T09:40:00.000Z')
  const ref = { namespace: 'default', name: 'teams' }
  const rule = (
    recorder: HistoryRecorder,
    mode: 'audit' | 'enforce',
    generation: number,
    creationTimestamp = '2026-11-24T08:00:00Z'
  ): void =>
    recorder.stored({
      type: 'applied',
      object: {
        ...{ apiVersion, kind: 'SeccompRule', metadata: { ...ref, generation, creationTimestamp } },
        spec: { podSelector: {}, profile: { name: 'web' }, mode }
      }
    })
  const deliver = (recorder: HistoryRecorder, digit: string, minute: number): void =>
    recorder.stored({
      type: 'applied',
      object: {
        ...{ apiVersion, kind: 'SeccompProfile', metadata: { namespace: 'default', name: 'web' } },
        spec: {},
        status: {
          revision: `sha256:${digit.repeat(64)}`,
          conditions: [
            {
              ...{ type: 'Ready', status: 'True', reason: 'AllNodesReady', message: '' },
              lastTransitionTime: `2026-11-24T09:${minute}:00Z`
            }
          ]
        }
      } as SeccompProfile
    })
  const told = async (recorder: HistoryRecorder) => {
    await recorder.flush()
    const { events = [] } = (await recorder.get(workload)) ?? {}
    return events
      .filter(({ what }) => what === 'mode' || what === 'delivery')
      .map(({ what, text, revision = '' }) => `${what} ${revision.slice(7, 9) || text}`)
      .sort()
  }
  for (const [at, mode] of (['audit', 'enforce', 'audit'] as const).entries())
    rule(first, mode, at + 1)
  for (const [at, digit] of ['a', 'b', 'a'].entries()) deliver(first, digit, 50 + at)
  // A node that was away for a moment delivers nothing again.
  deliver(first, 'a', 55)
  const sets = (mode: string) => `mode rule default/teams sets ${mode} with default/web`
  const all = ['delivery aa', 'delivery aa', 'delivery bb', sets('audit'), sets('audit')]
  t.same(await told(first), [...all, sets('enforce')])
  await first.close()

  const second = await start()
  rule(second, 'audit', 4)
  deliver(second, 'a', 57)
  t.same(await told(second), [...all, sets('enforce')], 'a restart tells nothing again')
  second.stored({ type: 'deleted', kind: 'SeccompRule', ref })
  const end = 'mode rule default/teams sets nothing with default/web any more'
  t.same(await told(second), [...all, sets('enforce'), end])
  rule(second, 'audit', 1, '2026-11-24T11:00:00Z')
  t.equal((await told(second)).filter((one) => one === sets('audit')).length, 3, 'made again')
  await second.close()
})

test('what a deleted rule set is in no history of a workload that is learned later', (t) => {
  const events = new ProfileEvents()
  const event = (id: string) => ({ id, at: '', what: 'mode' as const, text: id })
  events.add('shop/web', [event('rule shop/r audit shop/web 1'), event('delivery shop/web a 1')])
  events.deleteRule('shop/web', 'shop/r')
  t.same(
    events.of('shop/web').map(({ id }) => id),
    ['delivery shop/web a 1']
  )
  t.end()
})

test('a rule of another namespace is not in the history of a workload, whatever it names', async (t) => {
  const recorder = await (await recorders(t))()
  await observe(recorder, '2026-11-24T09:40:00.000Z')
  const rule = (namespace: string, name: string): void =>
    recorder.stored({
      type: 'applied',
      object: {
        ...{ apiVersion, kind: 'SeccompRule', metadata: { namespace, name } },
        spec: { podSelector: {}, profile: { namespace: 'default', name: 'web' }, mode: 'audit' }
      }
    })
  // As many as the document holds would push out what people decided.
  for (let at = 0; at < 100; at += 1) rule('mallory', `r${at}`)
  for (const namespace of ['default', 'secco-system']) rule(namespace, 'own')
  await recorder.flush()
  t.strictSame(
    (await recorder.get(workload))?.events.map(({ text }) => text),
    ['default', 'secco-system'].map((one) => `rule ${one}/own sets audit with default/web`)
  )
})

test('blocks and restarts of Secco concern every workload, satellites those on their node', async (t) => {
  const start = await recorders(t)
  const recorder = await start()
  await observe(recorder, '2026-11-24T10:00:00.000Z')
  recorder.hubStarted()
  for (const node of ['n1', 'n2']) {
    const hello = { node, version: '1.2.3', startedAt: '2026-11-24T10:00:00.000Z' }
    recorder.satelliteStarted(Hello.fromPartial(hello))
    recorder.satelliteStarted(Hello.fromPartial(hello))
  }
  recorder.satelliteStarted(Hello.fromPartial({ node: 'n1' }))
  recorder.stored({
    type: 'applied',
    object: {
      ...profile,
      metadata: { namespace: 'secco-system', name: 'emergency' },
      spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [] } },
      status: {
        approvals: [
          { at: '2026-11-24T10:10:00Z', by: 'ann', reason: 'blocked bpf: CVE', revision: '' }
        ]
      }
    }
  })
  await recorder.flush()
  const [history, installation] = [
    await recorder.get(workload),
    await recorder.get(installationKey)
  ]
  t.equal(installation?.events.length, 4)
  const lines = history === undefined ? [] : historyLines(history, installation)
  t.match(
    lines.filter(({ what }) => what === 'secco' || what === 'block'),
    [
      { text: /^hub started/ },
      { text: 'satellite started on n1, 1.2.3', at: '2026-11-24T10:00:00.000Z' },
      { text: 'blocked bpf: CVE', by: 'ann' }
    ]
  )
  t.equal(lines.length, 5)
  await recorder.close()
})

test('whatever a node reports of its gaps and its start, the history of the installation stays', async (t) => {
  const start = await recorders(t)
  const recorder = await start()
  recorder.hubStarted()
  const hour = Date.parse('2026-11-20T00:00:00.000Z')
  const gaps = Array.from({ length: 20_000 }, (_, nth) => ({
    from: new Date(hour + nth * 1000).toISOString(),
    to: new Date(hour + nth * 1000 + 500).toISOString()
  }))
  const hello = { node: 'n1', version: '1.2.3', startedAt: '2099-11-24T10:05:00.000Z' }
  recorder.satelliteStarted(Hello.fromPartial({ ...hello, status: { gaps } }))
  const later = { from: '2026-11-23T00:00:00.000Z', to: '2099-11-24T10:00:00.000Z' }
  recorder.satelliteStarted(Hello.fromPartial({ ...hello, status: { gaps: [later] } }))
  const long = `2026-11-24T10:05:00.${'1'.repeat(3000)}Z`
  recorder.satelliteStarted(
    Hello.fromPartial({ ...hello, status: { gaps: [{ from: long, to: long }] } })
  )
  recorder.satelliteStarted(Hello.fromPartial({ ...hello, startedAt: long }))
  await recorder.close()

  const next = await start()
  const { events = [] } = (await next.get(installationKey)) ?? {}
  t.match(
    events.filter(({ id }) => !id.startsWith('gap ')),
    [
      { text: /^hub started/, at: '2026-11-24T10:00:00.000Z' },
      { text: 'satellite started on n1, 1.2.3', at: '2026-11-24T10:00:00.000Z' }
    ]
  )
  t.strictSame(
    events.flatMap((event) => gapOfEvent(event) ?? []),
    gaps.slice(-mostGaps).map((gap) => ({ node: 'n1', ...gap }))
  )
})

test('how each active hub began and ended', async (t) => {
  let sign: string | undefined
  const start = await recorders(t, () => sign)
  const texts = async (recorder: HistoryRecorder) => {
    await recorder.flush()
    return (await recorder.get(installationKey))?.events.map(({ text }) => text) ?? []
  }
  // [what the new hub does, how the one before ended, what the last line says]
  const table: [string, 'hubStarted' | 'hubTookOver', boolean, RegExp][] = [
    ['the first one', 'hubStarted', false, /^hub started, [0-9.]+$/],
    ['after one that stopped', 'hubStarted', true, /^hub started, [0-9.]+$/],
    [
      'after one that was killed',
      'hubStarted',
      false,
      /^hub started, .*; the one before was killed after 2026-11-24 11:00:00 UTC$/
    ],
    [
      'a standby',
      'hubTookOver',
      false,
      /^hub took over, .*; the one before was killed or cut off after 2026-11-24 12:30:00 UTC$/
    ],
    ['a standby, after an orderly stop', 'hubTookOver', true, /^hub took over, [0-9.]+$/]
  ]
  let last: HistoryRecorder | undefined
  for (const [what, begin, isStopped, text] of table) {
    if (isStopped) last?.hubStopped()
    // Once when it ends, and once when it is closed.
    if (isStopped) last?.hubStopped()
    sign = what === 'a standby' ? '2026-11-24T12:30:00.123456Z' : undefined
    await last?.close()
    last = await start()
    last[begin]()
    t.match((await texts(last)).at(-1), text, what)
  }
  const all = last === undefined ? [] : await texts(last)
  t.equal(all.filter((each) => each.startsWith('hub stopped')).length, 2)
  await last?.close()
})

test('a workload whose kind is named Secco is not Secco', async (t) => {
  const folder = t.testdir({})
  const { history: store } = await openDirectoryStore(folder)
  const begin = async (hour: number) => {
    const now = () => Date.parse(`2026-11-24T${hour}:00:00.000Z`)
    const logger = createLogger('test', quiet)
    const recorder = new HistoryRecorder({ store, timing, logger, now })
    await recorder.load()
    recorder.hubStarted()
    await recorder.close()
    return (await recorder.get(installationKey))?.events.at(-1)?.text ?? ''
  }
  t.match(await begin(10), /^hub started, [0-9.]+$/)
  // Before and after Secco's own one in the order of the list.
  const since = '2026-11-24T10:30:00.000Z'
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
    const foreign = { namespace: 'shop', kind: 'Secco', name, container: '' }
    const text = JSON.stringify(emptyHistory(foreign, since))
    await store.put(historyName(foreign), 'a custom resource', text, undefined)
  }
  t.match(await begin(11), /the one before was killed after 2026-11-24 10:30:00 UTC$/)
})

test('a history that cannot be read begins again, and says so', async (t) => {
  const { store, documents, aside } = memoryStore()
  const logger = createLogger('test', quiet)
  let ms = Date.parse('2026-11-24T11:00:00.000Z')
  const open = async (mayWrite = true) => {
    const options = { store, timing, logger, now: () => ms++, mayWrite: () => mayWrite }
    const recorder = new HistoryRecorder(options)
    t.teardown(() => recorder.close())
    await recorder.load()
    return recorder
  }
  const first = await open()
  await observe(first, '2026-11-24T10:00:00.000Z')
  first.hubStarted()
  await first.close()
  t.equal(documents.size, 2)
  for (const [name, one] of documents) documents.set(name, { ...one, text: 'broken' })

  const standby = await open(false)
  await standby.flush()
  t.same(aside, [], 'a hub on standby writes nothing')
  t.strictSame(standby.unreadable(), [])
  const next = await open()
  t.strictSame(next.workloads().map(historyName).sort(), [...documents.keys()].sort())
  const text = (history: WorkloadHistory | undefined) => history?.events.map((one) => one.text)
  t.match(text(await next.get(workload)), [/^the history secco-history-.* is not readable$/])
  await next.flush()
  t.same(aside, ['broken', 'broken'], 'nothing is lost')
  const again = await open()
  const begun = /^the history begins again: .*kept as aside\/secco-history-/
  // Besides, that it was not readable, where both were not noted at the same time.
  t.match(text(await again.get(workload))?.at(-1), begun)
  t.match(text(await again.get(installationKey))?.at(-1), begun)

  // Nobody can say of which workload it was.
  const name = historyName(workload)
  documents.set(name, { text: '', about: 'shop/Deployment/other/app', version: '9' })
  const last = await open()
  t.strictSame(last.unreadable(), [name])
  t.notOk(last.workloads().some((one) => historyName(one) === name))
  t.ok(text(await last.get(installationKey))?.includes(`the history ${name} is not readable`))
  await observe(last, '2026-11-24T10:00:00.000Z')
  t.strictSame(last.unreadable(), [], 'the next report of its workload sets it aside')
  t.equal(aside.length, 3)
})

test('of too many workloads those to which nothing happened for longest are forgotten', async (t) => {
  const logger = createLogger('test', quiet)
  const documents = new Map<string, string>()
  const store: HistoryStore = {
    async *list() {
      await Promise.resolve()
      for (const [name, text] of documents) yield { name, about: '', text, version: '1' }
    },
    get: () => Promise.resolve(undefined),
    put: () => Promise.reject(new Error('nothing is written')),
    setAside: () => Promise.reject(new Error('nothing is written')),
    delete: (name) => Promise.resolve(void documents.delete(name))
  }
  const add = (key: WorkloadKey, since: string) =>
    documents.set(historyName(key), JSON.stringify(emptyHistory(key, since)))
  const made = (name: string): WorkloadKey => ({ ...workload, kind: 'Pod', name })
  add(installationKey, '2020-01-01T00:00:00.000Z')
  // The newest come first: it is not the order that decides.
  for (let nth = mostWorkloads; nth > 0; nth -= 1) {
    add(made(`p${nth}`), new Date(Date.parse('2026-11-24T00:00:00Z') + nth * 1000).toISOString())
  }
  const open = (mayWrite: boolean) =>
    new HistoryRecorder({ store, timing, logger, now: Date.now, mayWrite: () => mayWrite })
  const standby = open(false)
  await standby.load()
  t.equal(documents.size, mostWorkloads + 1, 'a hub on standby deletes nothing')
  const active = open(true)
  await active.load()
  await active.flush()
  t.equal(documents.size, mostWorkloads * 0.98)
  t.equal(active.workloads().length, documents.size)
  const known = new Set(active.workloads().map(({ name }) => name))
  t.ok(known.has('secco'), 'what concerns every workload stays')
  t.notOk(known.has('p1'))
  t.notOk(known.has('p100'))
  t.ok(known.has('p102'))
  t.ok(known.has(`p${mostWorkloads}`))
  await active.close()
})
