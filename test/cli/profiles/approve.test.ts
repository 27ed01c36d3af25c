import { test } from 'tap'
import { approveProfiles } from '../../../cli/profiles/profile.js'
import type { Io } from '../../../cli/lib/io.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { Store } from '../../../src/store/store.js'
import { profileOf } from '../../helpers/seccomp-profiles.js'

const seen = (names: string[]): SeccompProfile => ({
  ...profileOf({ workload: { kind: 'Deployment', name: 'web', container: 'app' } }, 'web'),
  status: { observed: { x86_64: names } }
})

test('approve approves what it printed, and no observation that arrives before it is written', async (t) => {
  const approve = async (atWrite: SeccompProfile) => {
    let stored = atWrite
    let printed = ''
    const store = {
      list: () => Promise.resolve([]),
      get: () => Promise.resolve(seen(['read', 'write'])),
      update: (_kind: string, _ref: object, change: (one: SeccompProfile) => SeccompProfile) => {
        stored = change(stored)
        return Promise.resolve(stored)
      }
    } as unknown as Store
    const io = { stdout: (text: string) => (printed += text), stderr: () => undefined }
    const decision = { by: 'olga', at: '2026-01-01T00:00:00Z', reason: 'seen', dryRun: false }
    const refs = [{ namespace: 'shop', name: 'web' }]
    const code = await approveProfiles(io as unknown as Io, store, refs, decision).then(
      () => 'approved',
      (error: unknown) => (error as { code: string }).code
    )
    t.match(printed, /\+ read\n\+ write/)
    return [code, ...(stored.spec.seccomp?.syscalls ?? []).flatMap(({ names }) => names)]
  }
  t.same(await approve(seen(['read', 'write'])), ['approved', 'read', 'write'])
  t.same(await approve(seen(['bpf', 'mount', 'read', 'write'])), ['CONFLICT'])
})

const wait =
  '  first wait until every node has it and every webhook replica serves it: ' +
  'kubectl wait --for=condition=Ready seccompprofiles.secco.dev/web -n shop\n'
// [where, whether it is a cluster, whether nothing is changed, whether the wait is printed]
const waits: [string, boolean, boolean, boolean][] = [
  ['in a cluster', true, false, true],
  ['a dry run in a cluster', true, true, false],
  ['on one machine', false, false, false]
]

for (const [where, bind, dryRun, isPrinted] of waits) {
  test(`approve prints the wait that allow prints: ${where}`, async (t) => {
    const store = {
      get: () => Promise.resolve(seen(['read'])),
      list: () => Promise.resolve([]),
      update: (_kind: string, _ref: object, change: (one: SeccompProfile) => SeccompProfile) =>
        Promise.resolve(change(seen(['read'])))
    } as unknown as Store
    let printed = ''
    const io = { stdout: () => undefined, stderr: (text: string) => (printed += text) }
    const decision = { by: 'olga', at: '2026-01-01T00:00:00Z', reason: 'seen', bind, dryRun }
    const refs = [{ namespace: 'shop', name: 'web' }]
    t.equal(await approveProfiles(io as unknown as Io, store, refs, decision), 0)
    t.equal(printed.includes(wait), isPrinted, printed)
  })
}

test('approve prints one wait for all that it approved', async (t) => {
  const named = (name: string) => {
    const profile = seen(['read'])
    return { ...profile, metadata: { ...profile.metadata, name } }
  }
  const stored = new Map(['web', 'db'].map((name) => [name, named(name)]))
  const store = {
    get: (_kind: string, ref: { name: string }) => Promise.resolve(stored.get(ref.name)),
    list: () => Promise.resolve([]),
    update: (
      _kind: string,
      ref: { name: string },
      change: (one: SeccompProfile) => SeccompProfile
    ) => Promise.resolve(change(named(ref.name)))
  } as unknown as Store
  let printed = ''
  const io = { stdout: () => undefined, stderr: (text: string) => (printed += text) }
  const decision = { by: 'olga', at: '2026-01-01T00:00:00Z', reason: 'seen', bind: true }
  const refs = ['web', 'db'].map((name) => ({ namespace: 'shop', name }))
  const args = { ...decision, dryRun: false }
  t.equal(await approveProfiles(io as unknown as Io, store, refs, args), 0)
  t.match(printed, /every node has them and every webhook replica serves them: kubectl wait /)
  t.equal(printed.split('kubectl wait').length, 2, 'one command')
  t.match(printed, 'seccompprofiles.secco.dev/web seccompprofiles.secco.dev/db -n shop\n')
})
