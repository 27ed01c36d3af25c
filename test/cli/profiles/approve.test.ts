import { test } from 'tap'
import { approveProfiles } from '../../../cli/profiles/profile.js'
import { diffProfiles } from '../../../cli/profiles/diff.js'
import { type ProfileDenial, showProfile } from '../../../cli/profiles/profile-show.js'
import type { Io } from '../../../cli/lib/io.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { Store } from '../../../src/store/store.js'
import { approveObserved } from '../../../src/seccomp/review/approve.js'
import { captureIo } from '../../helpers/captured-io.js'
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

const deniedTo = (syscall: string, more: Partial<ProfileDenial> = {}): ProfileDenial => ({
  ...{ namespace: 'shop', profile: 'web', container: 'c1', syscall, call: syscall, count: 3 },
  ...{ containerName: 'app', pod: 'web-1', workload: 'Deployment/web', comm: 'sh', pid: 7 },
  ...{ state: 'open', action: 'SCMP_ACT_ERRNO', lastSeen: '2026-01-01T00:00:00Z' },
  ...{ errno: 1, signal: '', expected: false, succeeded: 0 },
  ...more
})
const logged = { action: 'SCMP_ACT_LOG' }
const attack = [
  deniedTo('chroot', logged),
  deniedTo('socket', { ...logged, call: 'socket:0=0x10', comm: '$(secco up)' }),
  deniedTo('getsid', { state: 'muted' }),
  deniedTo('mount', { block: 'mount' } as object)
]
const decision = { by: 'olga', at: '2026-01-01T00:00:00Z', reason: 'seen' }

/** A store of one profile. */
function storeOf(profile: SeccompProfile) {
  let stored = profile
  const store = {
    list: () => Promise.resolve([]),
    get: () => Promise.resolve(stored),
    update: (_kind: string, _ref: object, change: (one: SeccompProfile) => SeccompProfile) => {
      stored = change(stored)
      return Promise.resolve(stored)
    }
  } as unknown as Store
  return { store, stored: () => stored }
}

const namesOf = ({ spec }: SeccompProfile) =>
  (spec.seccomp?.syscalls ?? []).flatMap(({ names }) => names)

test('approve leaves out what was denied or logged, and prints how a person allows it', async (t) => {
  const ref = { namespace: 'shop', name: 'web' }
  const names = ['chroot', 'getsid', 'mount', 'read', 'socket', 'write']
  const audited = approveObserved(seen(['read']), decision)
  const before = { ...audited, status: { ...audited.status, ...seen(names).status } }
  const command =
    '  to allow what the program needs: secco denials allow shop/web chroot socket:0=0x10'
  // [what, the profile, denials, what is approved, what is printed]
  const table: [string, SeccompProfile, ProfileDenial[] | undefined, string[], RegExp][] = [
    [
      'new calls, and an attack',
      before,
      attack,
      ['read', 'write'],
      /Denied or logged, .* \(4\):\n/
    ],
    ['the command', before, attack, ['read', 'write'], new RegExp(`^${command}$`, 'm')],
    [
      'who made it',
      before,
      attack,
      ['read', 'write'],
      /^x chroot {3}logged by audit, 3 times, by sh\n {4}sh in container app, pod web-1, Deployment\/web$/m
    ],
    ['muted', before, attack, ['read', 'write'], /^x getsid {3}muted, denied, 3 times, by sh$/m],
    ['blocked', before, attack, ['read', 'write'], /^x mount {3}blocked in an emergency, denied,/m],
    [
      'only an attack',
      { ...before, status: seen(['chroot', 'read']).status ?? {} },
      attack,
      ['read'],
      /nothing new/
    ],
    [
      'never approved, only an attack',
      seen(['chroot']),
      [deniedTo('chroot', logged)],
      [],
      /nothing new to approve/
    ],
    [
      'of a deleted profile',
      before,
      [deniedTo('chroot', { deleted: '' })],
      names,
      /approved shop\/web/
    ],
    ['nobody can be asked', before, undefined, names, /what was denied or logged is not known/]
  ]
  for (const [what, profile, denials, expected, says] of table) {
    const { store, stored } = storeOf(profile)
    const { io, printed } = captureIo()
    const args = { ...decision, dryRun: false, denialsOf: () => Promise.resolve(denials) }
    t.equal(await approveProfiles(io, store, [ref], args), 0, what)
    t.same(namesOf(stored()), expected, what)
    t.match(printed.stderr, says, what)
    t.same(stored().status?.observed, profile.status?.observed, `${what}: observed stays`)
    for (const one of ['chroot', 'getsid'])
      if (!expected.includes(one)) t.notMatch(printed.stdout, new RegExp(`\\+ ${one}`), what)
  }
})

test('show and diff list what was denied or logged apart, with the callers and how to allow it', async (t) => {
  const before = seen(['chroot', 'getsid', 'read'])
  const denials = [...attack, deniedTo('setsid', { state: 'muted' })]
  const denialsOf = () => Promise.resolve(denials)
  const { store } = storeOf(before)
  const context = { store, namespace: 'shop', revisions: '' }
  const verbs = {
    show: async (io: Io, output: 'table' | 'json') =>
      showProfile(io, store, { namespace: 'shop', name: 'web' }, { output, now: 0, denials }),
    diff: async (io: Io, output: 'table' | 'json') =>
      diffProfiles({ ...context, io }, { left: 'shop/web', right: undefined, output, denialsOf })
  }
  for (const [verb, run] of Object.entries(verbs)) {
    const { io, printed } = captureIo()
    await run(io, 'table')
    t.match(printed.stdout, /(?:add|not approved) \(1\):\n\+ read\n/, verb)
    t.match(
      printed.stdout,
      /approved by name only \(4\):\nx chroot .*\n.*container app, pod web-1/,
      verb
    )
    t.match(printed.stdout, 'secco denials allow shop/web chroot socket:0=0x10\n', verb)
    t.notMatch(printed.stdout, 'setsid', `${verb}: muted, and never observed`)
    const json = captureIo()
    await run(json.io, 'json')
    const { denied } = JSON.parse(json.printed.stdout) as {
      denied: { call: string; callers: object[] }[]
    }
    t.same(
      denied.map(({ call }) => call),
      ['chroot', 'getsid', 'mount', 'socket:0=0x10'],
      verb
    )
    t.same(denied[0]?.callers, [
      { process: 'sh', container: 'app', pod: 'web-1', workload: 'Deployment/web' }
    ])
  }
  const { io, printed } = captureIo()
  await verbs.show(io, 'table')
  t.match(
    printed.stdout,
    /Logged: +chroot 3 × in container app, pod web-1, Deployment\/web \(SCMP_ACT_LOG/
  )
})
