import { revisionPath } from '../../../../src/api/names.js'
import { setImmediate } from 'node:timers/promises'
import { test } from 'tap'
import { RunningContainer } from '../../../../src/api/gen/hub.js'
import type { LinuxSeccomp } from '../../../../src/api/seccomp-profile.js'
import type { ProfileState } from '../../../../src/rules/profile-state.js'
import { riskReport } from '../../../../src/seccomp/review/risk-score.js'
import { RevisionIndex } from '../../../../webhook/confinement/containers/revision-index.js'
import type { ConfinementSources } from '../../../../webhook/confinement/containers/sources.js'
import { matchLists } from '../../../helpers/match-lists.js'
import { testProfile, testRevision } from '../../../helpers/rules.js'

const older = `sha256:${'e'.repeat(64)}`
const seccomp: LinuxSeccomp = {
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [{ names: ['read', 'write', 'ptrace'], action: 'SCMP_ACT_ALLOW' }]
}

test('a container’s older revision has its own mode and risk', async (t) => {
  const states: ReadonlyMap<string, ProfileState> = new Map([
    ['shop/web', testProfile('shop', 'web')]
  ])
  const read: string[] = []
  const node: { bytes?: Buffer } = {}
  const index = new RevisionIndex({
    hub: {
      profiles: () => states,
      bytes: (digest: string) => {
        read.push(digest)
        return Promise.resolve(node.bytes)
      }
    } as unknown as ConfinementSources['hub'],
    profiles: () => []
  })
  index.refresh()
  const running = {
    ...RunningContainer.fromPartial({
      ...{ key: 'c@1', declared: 'revision', declaredMode: 'enforce', digest: older },
      container: { id: 'c', name: 'app' },
      assigned: `shop/web@${older}`
    }),
    ...{ id: 'n1/c@1', node: 'n1', firstSeen: '' }
  }
  t.same(index.of(running, undefined, { learned: '', namespace: 'shop' }), {
    ...{ profile: 'shop/web', digest: older, mode: 'enforce', others: [] }
  })
  t.equal(index.riskOf(older), undefined, 'no node has been heard')
  await setImmediate()
  node.bytes = Buffer.from(JSON.stringify(seccomp))
  const known = new Promise<void>((resolve) => void index.onChange(resolve))
  index.riskOf(older)
  await known
  t.equal(index.riskOf(older), riskReport(seccomp).score)
  t.not(index.riskOf(older), index.runtimeDefaultRisk)
  t.same(read, [older, older], 'it is read until it is known, and not again')
})

test('a digest that profiles share is the profile that was assigned, or those of its namespace', async (t) => {
  const states: ReadonlyMap<string, ProfileState> = new Map(
    ['ops/db', 'shop/api', 'shop/web'].map((key) => {
      const [namespace = '', name = ''] = key.split('/')
      const enforce = testRevision(namespace, name, 'a')
      return [key, { ...testProfile(namespace, name), enforce }]
    })
  )
  const approvedBefore = (name: string) => ({
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' as const, spec: {} },
    metadata: { namespace: 'shop', name },
    status: { approvals: [{ by: 'ann', at: '2026-01-01T00:00:00Z', revision: older }] }
  })
  const index = new RevisionIndex({
    hub: {
      profiles: () => states,
      bytes: () => Promise.resolve(Buffer.from(JSON.stringify(seccomp)))
    } as unknown as ConfinementSources['hub'],
    profiles: () => [approvedBefore('api'), approvedBefore('web')] as never
  })
  const areRead = new Promise<void>((resolve) => void index.onChange(resolve))
  index.refresh()
  await areRead
  await setImmediate()
  const { digest } = testRevision('shop', 'web', 'a')
  const both = ['shop/api', 'shop/web'] as const
  const table: [string, Partial<RunningContainer>, string, string, readonly string[]][] = [
    ['the note on the pod', { digest }, 'noted', 'shop/web', []],
    ['the label of the container', { digest, assigned: `shop/web@${digest}` }, '', 'shop/web', []],
    ['the profile that learns from it', { digest }, 'shop/web', 'shop/web', []],
    [
      'a file of that content names nobody',
      { digest, diskPath: pathOf('web', digest) },
      '',
      ...firstAndOthers(both)
    ],
    ['nothing names it', { digest }, 'shop/job', ...firstAndOthers(both)],
    ['an earlier revision of both', { digest: older }, 'shop/web', 'shop/web', []],
    [
      'an earlier revision of both, and nothing names it',
      { digest: older },
      '',
      ...firstAndOthers(both)
    ]
  ]
  for (const [what, part, learned, profile, others] of table) {
    const running = {
      ...RunningContainer.fromPartial({ key: 'c@1', declared: 'revision', ...part }),
      ...{ id: 'n1/c@1', node: 'n1', firstSeen: '' }
    }
    const noted = learned === 'noted' ? { profile: 'shop/web', revision: digest } : undefined
    const found = index.of(running, noted, { learned, namespace: 'shop' })
    matchLists(t, found, { profile, others }, what)
  }
})

const firstAndOthers = ([first, ...more]: readonly string[]): [string, readonly string[]] => [
  first ?? '',
  more
]
const pathOf = (name: string, digest: string) => revisionPath('shop', name, digest)
