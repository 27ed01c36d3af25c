import { test } from 'tap'
import { UsedSet } from '../../../../src/api/gen/hub.js'
import { syscallNumber } from '../../../../src/syscalls/syscall-table.js'
import type { LinuxSeccomp } from '../../../../src/api/seccomp-profile.js'
import { noProfiles } from '../../../helpers/no-profiles.js'
import type { Confinement } from '../../../../webhook/confinement/containers/confinement.js'
import { blastRadius } from '../../../../webhook/confinement/what-if/blast-radius.js'
import { FleetSets } from '../../../../webhook/hub/nodes/used-sets.js'
import { view } from '../../../helpers/hub-answers.js'
import { matchLists } from '../../../helpers/match-lists.js'

function bitmapOf(name: string): Buffer {
  const nr = syscallNumber('x86_64', name) ?? 0
  const bitmap = Buffer.alloc(64)
  bitmap[nr >> 3] = 1 << (nr & 7)
  return bitmap
}

test('a simulation for a profile is about the containers that it reaches', async (t) => {
  const containers = [
    view('n1', 'own', { profile: 'shop/web', learned: 'shop/web', denials: 0 }),
    view('n1', 'learning', { profile: '', learned: 'shop/web' }),
    view('n1', 'either', { profile: 'shop/api', sharedWith: ['shop/web'], learned: 'shop/job' }),
    // It runs the same content, or its calls are learned there: a change does not reach it.
    view('n1', 'twin', { profile: 'shop/api', learned: 'shop/api' }),
    view('n1', 'other', { profile: 'shop/api', learned: 'shop/web' }),
    view('n1', 'unknown', { profile: 'shop/web', learned: 'shop/web' })
  ]
  const sets = new FleetSets()
  const put = (name: string, since: string, complete: boolean) =>
    sets.put(
      `n1/${name}`,
      UsedSet.fromPartial({
        ...{ since, complete },
        abis: [{ abi: 'x86_64', bitmap: bitmapOf('mount'), counts: [3] }]
      })
    )
  for (const { name } of containers.slice(0, -1)) put(name, '2026-01-01T09:00:00Z', true)
  const byKey = new Map(containers.map((one) => [one.key, one]))
  const row = (syscall: string, expected: boolean, action: string, more: object = {}) => ({
    ...{
      syscall,
      expected,
      action,
      abi: 'x86_64',
      comm: 'app',
      arguments: '',
      revision: '',
      namespace: 'shop',
      profile: 'web'
    },
    ...more
  })
  const rows = [
    row('unshare', false, 'SCMP_ACT_ERRNO'),
    row('clone3', true, 'SCMP_ACT_ERRNO'),
    row('getsid', false, 'SCMP_ACT_LOG'),
    row('keyctl', false, 'SCMP_ACT_KILL_PROCESS')
  ]
  const ended = [
    row('socket', false, 'SCMP_ACT_ERRNO', { arguments: '0x26 0x5 0x0' }),
    row('bpf', false, 'SCMP_ACT_ERRNO', { profile: 'api' }),
    row('getpgid', false, 'SCMP_ACT_LOG')
  ]
  const confinement = {
    revisions: noProfiles.revisions,
    profile: (key: string) => (key === 'shop/web' ? { metadata: {}, spec: {} } : undefined),
    views: {
      peek: (key: string) => byKey.get(key),
      peekContainer: () => undefined,
      reachedBy: () => [],
      labelsOf: () => ({})
    },
    sources: {
      hub: {
        sets,
        ...noProfiles.hub,
        denialRows: { listOf: () => rows, list: () => [...rows, ...ended] },
        inventory: {
          ...noProfiles.hub.inventory,
          all: () => containers.map(({ key }) => ({ id: key }))
        }
      }
    }
  } as unknown as Confinement
  const deny = [{ names: ['mount'], action: 'SCMP_ACT_ERRNO' as const }]
  let judged = 0
  const sees = () => (judged += 1) > 0
  const radius = await blastRadius(confinement, { profile: 'shop/web', deny, sees })
  t.equal(judged, containers.length + 3, 'each container, and each denial, is judged once')
  t.same(
    radius.containers.map(({ name }) => name),
    ['own', 'learning', 'either']
  )
  t.match(
    radius.unrecorded,
    [{ node: 'n1', name: 'unknown', why: 'n1 is not connected' }],
    'by name, with the reason'
  )
  t.same(radius.notReporting, [])
  matchLists(t, radius, { considered: 3, without: 1, missingNodes: 0, hit: 3, knownSince: '' })
  t.same(
    radius.denied,
    ['keyctl', 'socket:domain=AF_ALG,type=5,protocol=0', 'unshare'],
    'denied already, muted too; not on purpose, not only logged'
  )

  t.same(radius.still, radius.denied, 'a block allows nothing')
  const seccomp: LinuxSeccomp = {
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [
      { names: ['keyctl'], action: 'SCMP_ACT_ALLOW' },
      {
        ...{ names: ['socket'], action: 'SCMP_ACT_ALLOW' },
        args: [{ index: 0, value: 2, op: 'SCMP_CMP_EQ' }]
      }
    ]
  }
  t.equal(radius.affected, undefined, 'no profile is simulated')
  const trial = await blastRadius(confinement, { profile: 'shop/web', seccomp })
  t.same(
    trial.still,
    ['socket:domain=AF_ALG,type=5,protocol=0', 'unshare'],
    'a trial revision is asked for each, with its arguments'
  )
  const usual = { ...seccomp, syscalls: [{ names: ['mount'], action: 'SCMP_ACT_ALLOW' as const }] }
  const all = await blastRadius(confinement, { profile: 'shop/web', seccomp: usual })
  t.same([all.hit, all.affected], [0, 4], 'denied still, also to the one whose calls are not known')
  t.same([trial.hit, trial.affected], [3, 4], 'each container is one')
  const wide = ['keyctl', 'mount', 'socket', 'unshare']
  const syscalls = [{ names: wide, action: 'SCMP_ACT_ALLOW' as const }]
  const none = await blastRadius(confinement, {
    ...{ profile: 'shop/web', seccomp: { ...seccomp, syscalls } }
  })
  t.same([none.hit, none.still, none.affected], [0, [], 0])

  put('learning', '2026-01-01T10:00:00Z', false)
  put('twin', '2026-01-01T11:00:00Z', false)
  const late = await blastRadius(confinement, { profile: 'shop/web', deny })
  Object.assign(confinement.sources.hub, { nodes: () => [{ name: 'n2' }] })
  t.equal((await blastRadius(confinement, { deny })).missingNodes, 1, 'none of it is listed by n2')
  t.equal(late.knownSince, '2026-01-01T10:00:00Z', 'as of the last of them that was recorded')
})
