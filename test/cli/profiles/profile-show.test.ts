import { test } from 'tap'
import { type ProfileDenial, showProfile } from '../../../cli/profiles/profile-show.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { approveObserved } from '../../../src/seccomp/review/approve.js'
import { runtimeDefaultNames } from '../../../src/seccomp/policy/runtime-default.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { lostText } from '../../../webhook/views/view.js'
import { startUnseenNext, startUnseenText } from '../../../src/seccomp/review/evidence.js'
import type { Instance } from '../../../src/seccomp/review/evidence-item.js'
import { captureIo } from '../../helpers/captured-io.js'
import { startUiRig } from '../../webhook/ui/rig.js'

const revision = `sha256:${'a'.repeat(64)}`
const learned: SeccompProfile = {
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
  metadata: { name: 'web', namespace: 'shop' },
  spec: { workload: { kind: 'Deployment', name: 'web', container: 'app' } },
  status: { observed: { x86_64: ['read'] } }
}
const approved = approveObserved(learned, { by: 'ada', at: '2026-01-01T00:00:00Z', reason: 'why' })
const delivered = (status: SeccompProfile['status']): SeccompProfile => ({
  ...approved,
  status: { ...approved.status, ...status }
})
const [approval] = approved.status?.approvals ?? []
const rendered = approval === undefined ? [] : [{ ...approval, revision }]

const pinned = delivered({ revision, approvals: rendered })
const earlier = `sha256:${'b'.repeat(64)}`
const canary = {
  ...{ percent: 25, from: { mode: 'audit' as const } },
  ...{ startedAt: '2026-01-01T00:00:00Z', quietFor: '10m' }
}

const rows: [string, SeccompProfile, RegExp][] = [
  ['nothing approved', learned, /Revision: +none: nothing is approved yet\n/],
  ['approved, not rendered', approved, /Revision: +none: the hub has not rendered it yet\n/],
  [
    'another revision until then',
    delivered({ revision }),
    /Revision: +sha256:a{64}, until the hub has rendered the last approval\n/
  ],
  ['rendered', delivered({ revision, approvals: rendered }), /Revision: +sha256:a{64}\n/],
  [
    'a pin',
    { ...pinned, spec: { ...pinned.spec, ladder: { mode: 'enforce', revision: earlier } } },
    new RegExp(
      'New pods: +new pods that have the label .* get its revision sha256:b{12} \\(enforce\\).*\\n' +
        'Pin: +pinned to web@b{8}; the newest approved is web@a{8}; ' +
        'to leave the pin: secco promote shop/web enforce --reason WHY\\n'
    )
  ],
  [
    'a canary',
    { ...pinned, spec: { ...pinned.spec, ladder: { mode: 'enforce', canary } } },
    /New pods: +25% of the new pods that have the label .* get it \(enforce\), the others stay at audit,/
  ]
]

for (const [what, profile, expected] of rows) {
  test(`secco profile show: the revision, ${what}`, async (t) => {
    const store = await openDirectoryStore(t.testdir())
    t.teardown(() => store.close())
    const ref = { namespace: 'shop', name: 'web' }
    await store.apply('SeccompProfile', profile)
    await store.update('SeccompProfile', ref, (was) =>
      profile.status === undefined ? was : { ...was, status: profile.status }
    )
    const { io, printed } = captureIo()
    const args = { output: 'table', now: Date.parse('2026-01-02T00:00:00Z') } as const
    t.equal(await showProfile(io, store, ref, { ...args, denials: undefined }), 0)
    t.match(printed.stdout, expected)
  })
}

test('secco profile show: denials of a deleted profile of the name are not its own', async (t) => {
  const store = await openDirectoryStore(t.testdir())
  t.teardown(() => store.close())
  await store.apply('SeccompProfile', learned)
  const one: ProfileDenial = {
    ...{ namespace: 'shop', profile: 'web', container: 'c', syscall: 'mount', call: 'mount' },
    ...{ state: 'open', action: 'SCMP_ACT_ERRNO', count: 2, lastSeen: '2026-01-01T00:00:00Z' },
    ...{ errno: 1, signal: '', pid: 7, comm: 'app', expected: false, succeeded: 0 }
  }
  const show = async (denials: readonly ProfileDenial[]) => {
    const { io, printed } = captureIo()
    const args = { output: 'table', now: Date.parse('2026-01-02T00:00:00Z') } as const
    await showProfile(io, store, { namespace: 'shop', name: 'web' }, { ...args, denials })
    return printed.stdout
  }
  t.match(await show([one]), /Denied: +mount 2 ×/)
  t.equal(await show([{ ...one, deleted: '' }]), await show([]))
})

test('secco profile show: two lists of what was never observed have words of their own', async (t) => {
  const store = await openDirectoryStore(t.testdir())
  t.teardown(() => store.close())
  const names = [...runtimeDefaultNames()]
  await store.apply('SeccompProfile', {
    ...learned,
    spec: {
      ...learned.spec,
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }]
      }
    }
  })
  const ref = { namespace: 'shop', name: 'web' }
  await store.update('SeccompProfile', ref, (was) => ({ ...was, status: learned.status ?? {} }))
  const { io, printed } = captureIo()
  const args = { output: 'table', now: 0, denials: undefined } as const
  t.equal(await showProfile(io, store, ref, args), 0)
  const [, approvedOnes] = /^Approved, never observed \((\d+)\):$/m.exec(printed.stdout) ?? []
  const [, atRisk] =
    / (\d+) allowed, never observed, and needed neither by the start nor by a family$/m.exec(
      printed.stdout
    ) ?? []
  t.equal(Number(approvedOnes), names.length - 1, 'all but the one that was observed')
  t.ok(Number(atRisk) > 0 && Number(atRisk) < Number(approvedOnes), String(atRisk))
})

test('secco profile show: what its nodes did not record, in the words of secco get nodes', async (t) => {
  const store = await openDirectoryStore(t.testdir())
  t.teardown(() => store.close())
  const ref = { namespace: 'shop', name: 'web' }
  await store.apply('SeccompProfile', learned)
  const firstSeen = '2026-01-01T11:00:00Z'
  const one = { node: 'node-1', complete: true, ended: false, firstSeen, lastSeen: firstSeen }
  const instances = [{ ...one, id: 'node-1/boot/1.2.3' }]
  await store.update('SeccompProfile', ref, (was) => ({ ...was, status: { instances } }))
  const gaps = [{ from: '2026-01-01T12:00:00Z', to: '2026-01-01T12:01:00Z' }]
  const losses = {
    ...{ tableFull: 0, unknownSyscalls: 0, recursionMisses: 0, unidentified: 0 },
    ...{ details: 2, missed: 0, givenUp: 0 }
  }
  const { io, printed } = captureIo()
  const args = { output: 'table', now: Date.parse('2026-01-02T00:00:00Z') } as const
  const text = lostText({ losses, gaps })
  const nodes = [{ name: 'node-1', text, gaps }]
  await showProfile(io, store, ref, { ...args, denials: [], nodes })
  t.match(printed.stdout, `calls were not recorded; node-1: ${text}`)
})

const set = { x86_64: ['read'] }
const served = { observed: { x86_64: ['accept', 'read'] }, serving: set, startup: set }
const phases: [string, SeccompProfile['status'], serving: string, early: string][] = [
  ['serving was seen', served, '1', '0'],
  [
    'only its age made it ready',
    { ...served, observed: set },
    'not seen; 1 after its first seconds',
    'not known yet'
  ],
  ['nothing was seen', { observed: set }, 'not seen', 'not known yet']
]

for (const [what, status, serving, early] of phases) {
  test(`secco profile show and the page of the workload have the same words of phases: ${what}`, async (t) => {
    const store = await openDirectoryStore(t.testdir())
    t.teardown(() => store.close())
    const ref = { namespace: 'shop', name: 'web' }
    await store.apply('SeccompProfile', learned)
    const object = await store.update('SeccompProfile', ref, (was) => ({
      ...was,
      status: status ?? {}
    }))
    const { io, printed } = captureIo()
    const args = { output: 'table', now: Date.parse('2026-01-02T00:00:00Z') } as const
    await showProfile(io, store, ref, { ...args, denials: undefined })
    const rig = await startUiRig({ objects: [object] })
    t.teardown(() => rig.app.close())
    const { body } = await rig.get('/workloads/shop/web')
    for (const [term, value] of [
      ['While serving', serving],
      ['Start-up only', early]
    ] as const) {
      t.equal(new RegExp(`${term}: +(.*)\\n`).exec(printed.stdout)?.[1], value, 'command')
      t.equal(new RegExp(`<dt>${term}</dt><dd>([^<]*)`).exec(body)?.[1], value, 'page')
    }
  })
}

test('a start that was not recorded is red, with the same words everywhere', async (t) => {
  const { namespace, name } = { namespace: 'shop', name: 'web' }
  const at = '2026-01-01T00:00:00Z'
  const late: Instance = {
    ...{ id: 'n1/b/1.2.3', node: 'n1', complete: false, ended: false, image: 'web:1' },
    ...{ firstSeen: at, lastSeen: at }
  }
  // [what, the instance, is it red]
  const table: [string, Instance, boolean][] = [
    ['it ran already', late, true],
    ['seen from its first instruction', { ...late, complete: true }, false]
  ]
  for (const [what, one, isRed] of table) {
    const profile = { ...learned, status: { ...learned.status, instances: [one] } }
    const words = startUnseenText({ ...profile, status: { instances: [late] } })
    t.match(
      words,
      /^No start was recorded: .* is not in the profile\. A restart under it can fail$/
    )
    const store = await openDirectoryStore(t.testdir())
    t.teardown(() => store.close())
    await store.apply('SeccompProfile', profile)
    await store.update('SeccompProfile', { namespace, name }, () => profile)
    const { io, printed } = captureIo()
    const args = { output: 'table' as const, now: Date.parse(at), denials: undefined }
    await showProfile({ ...io, color: true }, store, { namespace, name }, args)
    const red = `\u001b[31m${words}\u001b[0m`
    t.equal(printed.stdout.includes(red), isRed, `${what}: secco profile show`)
    t.equal(printed.stdout.includes(startUnseenNext), isRed, `${what}: its next step`)
    const { app, get } = await startUiRig({ objects: [profile], denials: () => [] })
    t.teardown(() => app.close())
    for (const page of ['/review/shop/web', '/workloads/shop/web']) {
      const [banner = ''] = /<p class="banner bad"[^]*?<\/p>/.exec((await get(page)).body) ?? []
      t.equal(banner.includes(words), isRed, `${what}: ${page}`)
      t.equal(banner.includes(startUnseenNext), isRed, `${what}: ${page}, the next step`)
    }
    const { body } = await get('/review')
    t.equal(/class="sub bad"[^]*?no start was recorded/.test(body), isRed, `${what}: the list`)
  }
})
