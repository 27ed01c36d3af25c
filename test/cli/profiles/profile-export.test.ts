import { readFile } from 'node:fs/promises'
import { test } from 'tap'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import { toSeccoError } from '../../../src/lib/errors.js'
import { exportProfile } from '../../../cli/profiles/profile-export.js'
import type { Store } from '../../../src/store/store.js'
import { emptyOverlay, parseBlock, withBlock } from '../../../src/seccomp/render/block.js'
import { digestOf } from '../../../src/lib/digest.js'
import { captureIo } from '../../helpers/captured-io.js'
import { instance, profileOf } from '../../helpers/instances.js'

test('a file that enforces a start that can fail is forced, unless people enforce it already', async (t) => {
  const spec = {
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO' as const,
      syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' as const }]
    }
  }
  const late = instance(0, ['read'], { complete: false, events: [] })
  const unseen = profileOf(spec, { instances: [late] })
  const seen = profileOf(spec, { instances: [instance(0, ['read'])] })
  const denied = { ...seen, status: { ...seen.status, startup: { x86_64: ['acct', 'read'] } } }
  const enforced = { ...unseen, spec: { ...unseen.spec, ladder: { mode: 'enforce' as const } } }
  const inAudit = { ...unseen, spec: { ...unseen.spec, ladder: { mode: 'audit' as const } } }
  const key = `${unseen.metadata.namespace ?? ''}/${unseen.metadata.name}`
  const rule = (mode: 'audit' | 'enforce'): SeccompRule => ({
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompRule' },
    metadata: { namespace: unseen.metadata.namespace ?? '', name: 'r' },
    spec: { podSelector: {}, profile: { name: unseen.metadata.name }, mode }
  })
  const audit = `let one start in audit first with \`secco profile export ${key} --mode audit\``
  const forced = `to do it nevertheless add \`--force\``
  type Row = [SeccompProfile, { mode: 'audit' | 'enforce'; force?: true; rules?: SeccompRule[] }]
  // [what, the profile and how it is exported, why it is rejected, what is said where it is not]
  const table: [string, Row, RegExp | undefined, RegExp][] = [
    ['no start was recorded', [unseen, { mode: 'enforce' }], /No start .*was recorded/, /^$/],
    ['its calls are denied', [denied, { mode: 'enforce' }], /recorded starts called acct/, /^$/],
    ['forced', [unseen, { mode: 'enforce', force: true }], undefined, /^warning: No start /],
    ['in audit nothing is denied', [denied, { mode: 'audit' }], undefined, /^$/],
    ['its start may run', [seen, { mode: 'enforce' }], undefined, /^$/],
    ['its ladder enforces it', [enforced, { mode: 'enforce' }], undefined, /^warning: No start /],
    ['its ladder does not', [inAudit, { mode: 'enforce' }], /No start/, /^$/],
    [
      'a rule enforces it',
      [unseen, { mode: 'enforce', rules: [rule('enforce')] }],
      ...([undefined, /^warning: No start /] as const)
    ],
    ['a rule does not', [unseen, { mode: 'enforce', rules: [rule('audit')] }], /No start/, /^$/]
  ]
  for (const [what, [profile, { rules = [], ...how }], rejected, said] of table) {
    const { io, printed } = captureIo()
    const store = {
      get: (_kind: string, { name }: { name: string }) =>
        Promise.resolve(name === profile.metadata.name ? profile : undefined),
      list: (kind: string) => Promise.resolve(kind === 'SeccompRule' ? rules : [])
    } as unknown as Store
    const { namespace = '', name } = profile.metadata
    const args = { format: 'oci', revisions: t.testdir({}), ...how } as const
    const exported = exportProfile(io, store, { namespace, name }, args)
    if (rejected === undefined) {
      t.equal(await exported, 0, what)
      t.match(JSON.parse(printed.stdout), { syscalls: [{}] }, what)
    } else {
      const error = { code: 'INVALID_ARGUMENT', field: 'force', message: rejected }
      const hint = profile === denied ? forced : new RegExp(`${audit}.*${forced}`)
      await t.rejects(exported, { ...error, hint }, what)
      t.equal(printed.stdout, '', `${what}: nothing is exported`)
    }
    t.match(printed.stderr, said, what)
  }
})

test('a revision whose file was changed is rendered again, and the change is said', async (t) => {
  const seccomp = { defaultAction: 'SCMP_ACT_ERRNO' as const }
  const learned = profileOf({ seccomp }, { instances: [instance(0, ['read'])] })
  const { namespace = '', name } = learned.metadata
  const whole = JSON.stringify({ defaultAction: 'SCMP_ACT_KILL' })
  const hex = (text: string) => digestOf(text).replace('sha256:', '')
  const revisions = t.testdir({
    [`${hex(whole)}.json`]: whole,
    [`${'e'.repeat(64)}.json`]: JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW' })
  })
  // [what, the revision that the hub delivers, what is exported, what is said]
  const table: [string, string, RegExp, RegExp][] = [
    ['as it was delivered', hex(whole), /SCMP_ACT_KILL/, /^$/],
    ['changed', 'e'.repeat(64), /"defaultAction": ?"SCMP_ACT_ERRNO"/, /^warning: .*was changed/]
  ]
  for (const [what, digest, exported, said] of table) {
    const status = {
      ...learned.status,
      revision: `sha256:${digest}`,
      conditions: [
        { type: 'Ready', status: 'True', reason: 'x', message: '', lastTransitionTime: '' } as const
      ]
    }
    const { io, printed } = captureIo()
    const store = {
      get: (_kind: string, asked: { name: string }) =>
        Promise.resolve(asked.name === name ? { ...learned, status } : undefined),
      list: () => Promise.resolve([])
    } as unknown as Store
    const files = { ...io, readFile: (path: string) => readFile(path, 'utf8') }
    const args = { format: 'oci', mode: 'enforce', revisions } as const
    t.equal(await exportProfile(files, store, { namespace, name }, args), 0, what)
    t.match(printed.stdout, exported, what)
    t.match(printed.stderr, said, what)
  }
})

test('an earlier revision is exported as it is kept, and asks as the newest does', async (t) => {
  const filter = (action: string, names: string[]) =>
    JSON.stringify({ defaultAction: action, syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }] })
  const [older, audit, changed] = [
    filter('SCMP_ACT_ERRNO', ['read']),
    filter('SCMP_ACT_LOG', ['read']),
    filter('SCMP_ACT_ERRNO', ['write'])
  ] as [string, string, string]
  const digests = [older, audit, changed].map(digestOf) as [string, string, string]
  const hex = (digest: string) => digest.replace('sha256:', '')
  const gone = `sha256:${'f'.repeat(64)}`
  const status = {
    instances: [instance(0, ['read'])],
    startup: { x86_64: ['acct', 'read'] },
    ...{ revision: digestOf('newest'), auditRevision: audit, earlierRevisions: [...digests, gone] }
  }
  const seccomp = { defaultAction: 'SCMP_ACT_ALLOW' as const }
  const profile = profileOf({ seccomp }, { ...status, auditRevision: digests[1] })
  const pinned = { mode: 'enforce' as const, revision: digests[0] }
  const who = { by: 'olga', at: '2026-01-01T00:00:00Z', reason: 'CVE' }
  const overlay = withBlock(emptyOverlay(), parseBlock('read'), who, false)
  const revisions = t.testdir({
    [`${hex(digests[0])}.json`]: older,
    [`${hex(digests[1])}.json`]: audit,
    [`${hex(digests[2])}.json`]: 'other bytes'
  })
  const start = digests[0].slice(0, 19)
  // [what, the revision, the ladder, whether it is forced, what is exported or why nothing is]
  const table: [string, string, typeof pinned | undefined, boolean, string | object][] = [
    ['forced', digests[0], undefined, true, older],
    ['the beginning of its digest', start, undefined, true, older],
    ['without the algorithm', hex(start), undefined, true, older],
    ['new containers get it', start, pinned, false, older],
    [
      'a start that it denies',
      start,
      undefined,
      false,
      { code: 'INVALID_ARGUMENT', field: 'force' }
    ],
    [
      'what it allows is blocked',
      start,
      pinned,
      true,
      { message: /calls are blocked in an emergency/ }
    ],
    ['a rendering for audit', digests[1], undefined, false, audit],
    ['one of another profile', digestOf('x'), undefined, true, { code: 'NOT_FOUND', hint: /show/ }],
    ['its bytes are gone', gone, undefined, true, { code: 'NOT_FOUND', hint: /secco\/shop\/web/ }],
    ['its bytes were changed', digests[2], undefined, true, { message: /was changed/ }]
  ]
  for (const [what, revision, ladder, force, expected] of table) {
    const { io, printed } = captureIo()
    const given = { ...profile, spec: { ...profile.spec, ...(ladder && { ladder }) } }
    const store = {
      get: (_kind: string, { name }: { name: string }) =>
        Promise.resolve(name === 'web' ? given : what.includes('blocked') ? overlay : undefined),
      list: () => Promise.resolve([])
    } as unknown as Store
    const exported = exportProfile(
      io,
      store,
      { namespace: 'shop', name: 'web' },
      { format: 'oci', mode: 'enforce', revisions, revision, force }
    )
    if (typeof expected === 'string') {
      t.equal(await exported, 0, what)
      t.equal(printed.stdout, expected, what)
      t.notMatch(printed.stderr, /^note/m, `${what}: it is what was asked for`)
    } else t.match(await exported.catch(toSeccoError), expected, what)
  }
})
