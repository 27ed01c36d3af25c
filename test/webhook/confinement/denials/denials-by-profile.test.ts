import { test } from 'tap'
import { apiVersion } from '../../../../src/api/names.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import type { Confinement } from '../../../../webhook/confinement/containers/confinement.js'
import { RevisionIndex } from '../../../../webhook/confinement/containers/revision-index.js'
import {
  denialsByProfile,
  denialsOfProfile
} from '../../../../webhook/confinement/denials/denial-views.js'
import type { Denial } from '../../../../webhook/hub/denials/denial.js'
import { DenialRows } from '../../../../webhook/hub/denials/denial-rows.js'
import { testProfile, testRevision } from '../../../helpers/rules.js'

const at = '2026-01-01T12:00:00.000Z'
const digestOf = (digit: string) => testRevision('shop', 'web', digit).digest
/** Profiles, and the content of the enforce revision of each: some share one. */
const contents: readonly [namespace: string, name: string, digit: string][] = [
  ['shop', 'web', 'a'],
  ['shop', 'api', 'a'],
  ['bank', 'api', 'a'],
  ['shop', 'job', 'b'],
  ['bank', 'web', 'c']
]

function confinementOf(rows: DenialRows): Confinement {
  const states = new Map(
    contents.map(([namespace, name, digit]) => [
      `${namespace}/${name}`,
      testProfile(namespace, name, { enforce: testRevision(namespace, name, digit) })
    ])
  )
  const hub = {
    ...{ denialRows: rows, profiles: () => states, bytes: () => Promise.resolve(undefined) }
  } as unknown as Confinement['sources']['hub']
  const revisions = new RevisionIndex({ hub, profiles: () => [] })
  revisions.refresh()
  const profile = (key: string): SeccompProfile | undefined => {
    const [namespace = '', name = ''] = key.split('/')
    if (!states.has(key)) return undefined
    const metadata = { namespace, name, creationTimestamp: '2026-01-01T00:00:00Z' }
    return { ...{ apiVersion, kind: 'SeccompProfile' }, metadata, spec: {} }
  }
  return {
    ...{ sources: { hub }, revisions, profile },
    // The container of `c-NAMESPACE-NAME` runs under that profile, others have ended.
    views: {
      peekContainer: (_: string, container: string) => {
        const [, namespace, name, digit = ''] = container.split('-')
        if (namespace === undefined) return undefined
        const revision = digestOf(digit)
        return { profile: `${namespace}/${name ?? ''}`, revision, sharedWith: [], startedAt: at }
      }
    }
  } as unknown as Confinement
}

test('the denials of all profiles in one pass are those of each', (t) => {
  const rows = new DenialRows()
  const containers = ['ended', 'c-shop-api-a', 'c-bank-api-a', 'c-shop-web-a', 'c-shop-job-b']
  let nr = 0
  for (const container of containers)
    for (const digit of ['a', 'b', 'c', ''])
      for (const [namespace, profile] of [
        ['shop', 'web'],
        ['shop', 'web-1.app'],
        ['bank', 'app']
      ]) {
        nr += 1
        const denial = {
          ...{ namespace, profile, node: 'n1', instance: `n1/${nr}`, container },
          ...{ workload: 'Pod/web', containerName: 'app', pod: 'web', syscall: 'getsid' },
          ...{ revision: digit === '' ? '' : digestOf(digit), abi: 'x86_64', errno: 1, signal: '' },
          ...{ action: 'SCMP_ACT_ERRNO', pid: 7, comm: 'app', lastSeen: at, at, arguments: '' },
          ...{ expected: false, succeeded: 0, count: 1 }
        } as Denial
        rows.grow(denial, 1, at)
      }
  const confinement = confinementOf(rows)
  const all = denialsByProfile(confinement)
  for (const [namespace, name] of contents) {
    const key = `${namespace}/${name}`
    const own = denialsOfProfile(confinement, key)
    t.ok(own.length > 0, `${key} has some`)
    t.same(
      (all.get(key) ?? []).map((row) => row.instance),
      own.map((row) => row.instance),
      key
    )
  }
  t.same([...all.keys()].sort(), contents.map(([namespace, name]) => `${namespace}/${name}`).sort())
  t.end()
})
