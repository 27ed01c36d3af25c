import { t, test } from 'tap'
import type { Ladder } from '../../../../src/api/ladder.js'
import { findApiServer } from '../../../helpers/api-server-programs.js'
import type { Json } from '../../../helpers/kube.js'
import { startPeopleCluster } from '../../../helpers/people-cluster.js'

t.setTimeout(400_000)
const found = await findApiServer()
const profiles = '/apis/secco.dev/v1alpha1/namespaces/shop/seccompprofiles'
const users = {
  hub: 'system:serviceaccount:secco-system:secco-hub',
  olga: 'system:serviceaccount:shop:olga',
  dora: 'system:serviceaccount:shop:dora'
}
const [named, other] = ['a', 'b'].map((digit) => `sha256:${digit.repeat(64)}`) as [string, string]
const canary = (from: object) => ({
  ...{ mode: 'enforce', enforceAfter: '1h' },
  canary: { percent: 10, from, startedAt: '2026-01-01T00:00:00Z', quietFor: '10m' }
})
const ofRevision = canary({ mode: 'enforce', revision: named }) as Ladder
const ofMode = { ...canary({ mode: 'audit' }), revision: named } as Ladder
const waiting: Ladder = { mode: 'audit', enforceAfter: '1h' }

/** [what, the ladder before, who writes, spec, whether the API server takes it] */
type Row = [
  what: string,
  before: Ladder | undefined,
  who: keyof typeof users,
  spec: Json,
  ok: boolean
]

const rows: Row[] = [
  [
    'a person who edits names a revision',
    undefined,
    'dora',
    { ladder: { mode: 'enforce', revision: other } },
    false
  ],
  [
    'a person who edits names the revision of a canary',
    undefined,
    'dora',
    { ladder: canary({ mode: 'enforce', revision: other }) },
    false
  ],
  [
    'a person who edits ends enforcing',
    { mode: 'enforce' },
    'dora',
    { ladder: { mode: 'learn' } },
    false
  ],
  ['a person who edits removes the ladder', { mode: 'enforce' }, 'dora', { ladder: null }, false],
  ['a person who edits mutes', undefined, 'dora', { mute: [{ syscall: 'mount' }] }, false],
  [
    'a person who edits leaves both',
    { mode: 'enforce' },
    'dora',
    { workload: { kind: 'Pod', name: 'web' } },
    true
  ],
  ['an approver promotes', undefined, 'olga', { ladder: ofRevision }, true],
  [
    'an approver rolls back',
    { mode: 'enforce' },
    'olga',
    { ladder: { mode: 'enforce', revision: named } },
    true
  ],
  ['an approver mutes', undefined, 'olga', { mute: [{ syscall: 'mount' }] }, true],
  ['the hub begins a ladder', undefined, 'hub', { ladder: { mode: 'enforce' } }, false],
  ['the hub mutes', { mode: 'enforce' }, 'hub', { mute: [{ syscall: 'mount' }] }, false],
  [
    'the hub completes a canary',
    ofRevision,
    'hub',
    { ladder: { mode: 'enforce', enforceAfter: '1h', canary: null } },
    true
  ],
  ['the hub completes a canary of a revision', ofMode, 'hub', { ladder: { canary: null } }, true],
  [
    'the hub completes a canary with another revision',
    ofMode,
    'hub',
    { ladder: { revision: other, canary: null } },
    false
  ],
  [
    'the hub takes a canary back',
    ofRevision,
    'hub',
    { ladder: { revision: named, enforceAfter: null, canary: null } },
    true
  ],
  [
    'the hub takes a canary back to another mode',
    ofMode,
    'hub',
    { ladder: { mode: 'audit', revision: null, enforceAfter: null, canary: null } },
    true
  ],
  [
    'the hub takes a canary back to another revision',
    ofRevision,
    'hub',
    { ladder: { revision: other, enforceAfter: null, canary: null } },
    false
  ],
  [
    'the hub takes a canary back to no mode that it had',
    ofMode,
    'hub',
    { ladder: { mode: 'learn', revision: null, enforceAfter: null, canary: null } },
    false
  ],
  [
    'the hub begins another canary',
    ofRevision,
    'hub',
    { ladder: canary({ mode: 'enforce', revision: other }) },
    false
  ],
  ['the hub enforces by policy', waiting, 'hub', { ladder: { mode: 'enforce' } }, true],
  [
    'the hub enforces another revision by policy',
    waiting,
    'hub',
    { ladder: { mode: 'enforce', revision: other } },
    false
  ],
  [
    'the hub enforces without a policy',
    { mode: 'audit' },
    'hub',
    { ladder: { mode: 'enforce' } },
    false
  ],
  [
    'the hub ends enforcing',
    { mode: 'enforce', enforceAfter: '1h' },
    'hub',
    { ladder: { mode: 'audit' } },
    false
  ]
]

test('who may write the ladder and mutes', {
  skip: found.programs === undefined ? found.skip : false
}, async (t) => {
  if (found.programs === undefined) return
  const { cluster } = await startPeopleCluster(found.programs)
  t.teardown(() => cluster.stop())
  const { kube } = cluster
  const body = (name: string, spec: Json) => ({
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { name }, spec }
  })
  for (const [at, [what, before, who, spec, ok]] of rows.entries()) {
    const name = `web-${String(at)}`
    await kube.do('POST', profiles, body(name, before === undefined ? {} : { ladder: before }))
    const answer = await kube.call(...(['PATCH', `${profiles}/${name}`, { spec }] as const), {
      contentType: 'application/merge-patch+json',
      asUser: users[who]
    })
    const { message = '' } = answer.body as { message?: string }
    t.equal(answer.status, ok ? 200 : 403, `${what}: ${message}`)
    if (!ok) t.match(message, /may not promote or mute in namespace shop/, what)
  }
  for (const who of ['dora', 'hub'] as const) {
    const made = body('made', { ladder: { mode: 'enforce', revision: other } })
    const answer = await kube.call('POST', profiles, made, { asUser: users[who] })
    t.equal(answer.status, 403, `${who} creates a profile with a ladder`)
  }
})
