import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { Hello } from '../../../../src/api/gen/hub.js'
import { apiVersion } from '../../../../src/api/names.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { historyLines } from '../../../../src/history/history-lines.js'
import {
  emptyHistory,
  historyName,
  type WorkloadKey
} from '../../../../src/history/workload-history.js'
import type { HistoryStore } from '../../../../src/store/history-store.js'
import { createLogger } from '../../../../src/lib/log.js'
import { openDirectoryStore } from '../../../../src/store/directory.js'
import {
  HistoryRecorder,
  installationKey,
  mostWorkloads
} from '../../../../webhook/hub/history/history-recorder.js'
import { readObservation } from '../../../../webhook/hub/observations/read-observation.js'
import { quiet } from '../../../helpers/quiet.js'
import { nodeStatus, observationOf } from '../rig.js'

const workload: WorkloadKey = {
  ...{ namespace: 'default', kind: 'Container', name: 'web', container: '' }
}
const timing = { historyWaitMs: 1, historyWindowMs: 0, historySpacingMs: 0, retryMs: 10 }
const digest = `sha256:${'a'.repeat(64)}`

/** Returns how to start recorders on one folder, each an hour after the one before. */
async function recorders(t: Test) {
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
    const recorder = new HistoryRecorder({ store: history, timing, logger, now: () => now })
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
    '2026-11-24T10:00:00.000Z mode '
  ])
  await second.close()
})

test('blocks and restarts of Secco concern every workload, satellites those on their node', async (t) => {
  const start = await recorders(t)
  const recorder = await start()
  await observe(recorder, '2026-11-24T10:00:00.000Z')
  recorder.hubStarted()
  for (const node of ['n1', 'n2']) {
    const hello = { node, version: '1.2.3', startedAt: '2026-11-24T10:05:00.000Z' }
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
      { text: 'satellite started on n1, 1.2.3', at: '2026-11-24T10:05:00.000Z' },
      { text: 'blocked bpf: CVE', by: 'ann' }
    ]
  )
  t.equal(lines.length, 5)
  await recorder.close()
})

test('of too many workloads those to which nothing happened for longest are forgotten', async (t) => {
  const logger = createLogger('test', quiet)
  const documents = new Map<string, string>()
  const store: HistoryStore = {
    async *list() {
      await Promise.resolve()
      for (const [name, text] of documents) yield { name, text, version: '1' }
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
