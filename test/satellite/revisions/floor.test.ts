import { revisionPath } from '../../../src/api/names.js'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'tap'
import { checkFloor } from '../../../satellite/revisions/floor.js'
import { floors } from '../../../satellite/revisions/floors.js'
import { openGenerations } from '../../../satellite/revisions/generations.js'
import { installRevision } from '../../../satellite/revisions/installer.js'
import { openRevisionFiles } from '../../../satellite/revisions/revision-files.js'
import type { Revision, RevisionOrigin } from '../../../src/api/gen/hub.js'
import type {
  LinuxSeccomp,
  SeccompProfile,
  SeccompSyscall
} from '../../../src/api/seccomp-profile.js'
import { riskReport } from '../../../src/seccomp/review/risk-score.js'
import { renderProfile } from '../../../src/seccomp/render/render.js'
import { originOf } from '../../../webhook/hub/revisions/revision-origin.js'
import { testSeccompProfile } from '../../helpers/misleading.js'
import { collectLog } from '../../webhook/hub/rig.js'
import { allowing, revisionOf, trialThatWorks } from '../revision-of.js'
import { matchLists } from '../../helpers/match-lists.js'

test('what a node never goes below', (t) => {
  const cases: [string, LinuxSeccomp, Partial<RevisionOrigin> | undefined, RegExp | string[]][] = [
    ['within RuntimeDefault', allowing('read', 'write'), undefined, []],
    [
      'everything',
      { defaultAction: 'SCMP_ACT_ALLOW' },
      { beyond: ['mount'], approvedBy: 'olga' },
      /does not name/
    ],
    ['everything, logged', { defaultAction: 'SCMP_ACT_LOG' }, undefined, /does not name/],
    ['mount, by nobody', allowing('read', 'mount'), undefined, /mount beyond RuntimeDefault/],
    ['mount, without a name', allowing('mount'), { beyond: ['mount'] }, /nobody approved/],
    ['mount, approved', allowing('mount'), { beyond: ['mount'], approvedBy: 'olga' }, ['mount']],
    [
      'bpf under an approval of mount',
      allowing('bpf', 'mount'),
      { beyond: ['mount'], approvedBy: 'olga' },
      /bpf/
    ],
    ['socket of any kind', allowing('socket'), undefined, /socket/],
    [
      'socket of its own kinds',
      {
        ...allowing('read'),
        syscalls: [
          {
            names: ['socket'],
            action: 'SCMP_ACT_ALLOW',
            args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 2 }]
          }
        ]
      },
      undefined,
      []
    ]
  ]
  for (const [what, seccomp, origin, expected] of cases) {
    const revision = revisionOf(seccomp, origin)
    if (Array.isArray(expected)) {
      t.same(checkFloor(revision, seccomp, 'approved'), expected, what)
    } else {
      t.throws(
        () => checkFloor(revision, seccomp, 'approved'),
        { code: 'WEAKER_THAN_FLOOR', message: expected },
        what
      )
    }
  }
  const approved = revisionOf(allowing('mount'), { beyond: ['mount'], approvedBy: 'olga' })
  t.throws(() => checkFloor(approved, allowing('mount'), 'runtime-default'), {
    code: 'WEAKER_THAN_FLOOR'
  })

  // What the hub says of a real profile is what a node asks for.
  const profile: SeccompProfile = {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: {
      namespace: 'shop',
      name: 'web',
      generation: 4,
      creationTimestamp: '2026-11-24T10:00:00Z'
    },
    spec: { seccomp: allowing('read', 'mount', 'socket', 'clone') },
    status: { approvals: [{ by: 'olga', at: '2026-11-24T11:00:00Z', reason: 'CSI', revision: '' }] }
  }
  const vsock = { names: ['socket'], args: [{ index: 0, op: 'SCMP_CMP_EQ' as const, value: 40 }] }
  const action = 'SCMP_ACT_ALLOW' as const
  const plain = profile.spec.seccomp?.syscalls ?? []
  // [the rules that olga approved, what of them is beyond RuntimeDefault]
  const approvals: [SeccompSyscall[], string[]][] = [
    [plain, ['mount']],
    [
      [...plain, { ...vsock, action }],
      ['mount', 'socket']
    ],
    [[{ ...vsock, action }], ['socket']]
  ]
  for (const [syscalls, beyond] of approvals) {
    const spec = {
      seccomp: { ...profile.spec.seccomp, defaultAction: 'SCMP_ACT_ERRNO' as const, syscalls }
    }
    const given: SeccompProfile = { ...profile, spec }
    const origin = originOf(given, () => undefined, { editedAt: undefined, beyondInUse: () => [] })
    matchLists(t, origin, { generation: 4, beyond, approvedBy: 'olga', reason: 'CSI' })
    for (const mode of ['enforce', 'audit'] as const) {
      const { seccomp } = renderProfile(given, { mode, resolve: () => undefined })
      t.same(checkFloor(revisionOf(seccomp, origin), seccomp, 'approved'), beyond, mode)
      if (mode === 'enforce') t.same(riskReport(seccomp).beyondRuntimeDefault, beyond, 'the gate')
    }
  }
  t.end()
})

test('a rule that does something else than it says is never installed', async (t) => {
  const { allow, arg, attack, denying } = testSeccompProfile
  const faked = (change: Partial<SeccompSyscall>): SeccompSyscall => ({
    ...{ names: ['setuid'], action: 'SCMP_ACT_ERRNO', errnoRet: 0 },
    ...change
  })
  const cases: [string, LinuxSeccomp, RegExp][] = [
    ['clone of any flags', attack, /^clone: has two conditions on argument 0 .* with OR; split it/],
    [
      'an approved call',
      denying(allow('mount', arg(3, 'SCMP_CMP_GE', 1), arg(3, 'SCMP_CMP_LE', 4))),
      /^mount: has two conditions on argument 3/
    ],
    [
      'a rejection',
      denying(faked({ errnoRet: 1, args: [arg(0, 'SCMP_CMP_GE', 1), arg(0, 'SCMP_CMP_LE', 4)] })),
      /^setuid: has two conditions on argument 0/
    ],
    ['a faked success', denying(faked({})), /^setuid: errno 0 does not report the denial/],
    [
      '… for some arguments',
      denying(faked({ args: [arg(0, 'SCMP_CMP_EQ', 0)] })),
      /^setuid: errno 0/
    ],
    ['everything faked', { ...denying(), defaultErrnoRet: 0 }, /^defaultAction: errno 0/]
  ]
  for (const floor of floors) {
    for (const [what, seccomp, message] of cases) {
      const root = t.testdir()
      const revision = revisionOf(seccomp, { beyond: ['clone', 'mount'], approvedBy: 'olga' })
      const dependencies = {
        accept: (one: Revision, parsed: LinuxSeccomp) => void checkFloor(one, parsed, floor)
      }
      const install = () => installRevision(root, revision, dependencies)
      const rejected = { ready: false, code: 'INVALID_DOCUMENT', message }
      t.match(await install(), rejected, `${floor}: ${what}`)
      t.same(await readdir(root), [], `${floor}: ${what}: nothing is written`)
      const path = join(root, revisionPath('shop', 'web', revision.digest))
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, revision.json, { mode: 0o644 })
      t.match(await install(), rejected, `${floor}: ${what}: nor is one accepted that is there`)
      await rm(join(root, 'secco'), { recursive: true })
    }
    t.throws(
      () => checkFloor(revisionOf(attack), attack, floor),
      { code: 'WEAKER_THAN_FLOOR', message: /clone/ },
      `${floor}: the floor by itself`
    )
  }
})

test('a time in the future is the newest only until then', async (t) => {
  const { logger } = collectLog()
  const revision = (createdAt: string, generation = 1) =>
    revisionOf(allowing('read'), { generation, createdAt })
  const claims: [what: string, createdAt: string][] = [
    ['a far future', '9999-12-31T23:59:59Z'],
    ['no time', 'zzz']
  ]
  for (const [what, claimed] of claims) {
    const root = await mkdtemp(join(tmpdir(), 'secco-floor-'))
    t.teardown(() => rm(root, { recursive: true, force: true }))
    let now = Date.parse('2026-11-24T10:00:00Z')
    const open = () => openGenerations(root, logger, () => now)
    const generations = await open()
    generations.note(revision('2026-11-20T10:00:00Z'))
    generations.note(revision(claimed, 7))
    await generations.flush()
    const code = 'OLDER_GENERATION'
    const old = revision('2026-11-20T10:00:00Z', 2)
    t.throws(() => generations.check(old), { code }, `${what}: until then`)
    now += 60_000
    const restored = revision('2026-11-24T10:00:30Z')
    generations.check(restored)
    const again = await open()
    again.check(restored)
    again.note(restored)
    t.throws(() => again.check(revision('2026-11-24T10:00:00Z', 8)), {
      code: 'OLDER_GENERATION'
    })
    // As an older version of the satellite wrote it.
    await again.flush()
    const seen = { 'shop/web': { createdAt: claimed, generation: 7 } }
    await writeFile(join(root, 'secco/generations.json'), JSON.stringify(seen))
    const read = await open()
    now += 60_000
    read.check(revision('2026-11-24T10:01:30Z'))
    t.pass(`${what}: a profile that is created again is newer`)
  }
})

const damages: [what: string, text: string, reason: RegExp, left: boolean][] = [
  ['no JSON', '{"shop/web":', /JSON/, false],
  [
    'another entry',
    '{"shop/web":{"createdAt":"2026-11-24T10:00:00Z","generation":3},"a/b":7}',
    /a\/b/,
    true
  ]
]

for (const [what, text, reason, left] of damages) {
  test(`generations with ${what} are kept aside, and what can be read counts`, async (t) => {
    const root = await mkdtemp(join(tmpdir(), 'secco-floor-'))
    t.teardown(() => rm(root, { recursive: true, force: true }))
    const path = join(root, 'secco/generations.json')
    await mkdir(join(root, 'secco'))
    await writeFile(path, text)
    const { logger, lines } = collectLog()
    const generations = await openGenerations(root, logger)
    const of = (generation: number) =>
      revisionOf(allowing('read'), { generation, createdAt: '2026-11-24T10:00:00Z' })
    t.match(lines, [{ code: 'STORE_CORRUPT', reason, kept: `${path}.unreadable` }])
    if (left) t.throws(() => generations.check(of(2)), { code: 'OLDER_GENERATION' })
    else generations.check(of(2))
    generations.note(of(5))
    await generations.flush()
    t.equal(await readFile(`${path}.unreadable`, 'utf8'), text)
  })
}

test('an older approval does not come back, not after a restart either', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'secco-floor-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  const { logger } = collectLog()
  const at = (generation: number, createdAt = '2026-11-24T10:00:00Z') =>
    revisionOf(allowing('read'), { generation, createdAt })
  const first = await openGenerations(root, logger)
  first.check(at(1))
  first.note(at(3))
  first.note(at(2))
  await first.flush()
  const second = await openGenerations(root, logger)
  second.check(at(3))
  second.check(at(4))
  second.check(at(1, '2026-11-25T10:00:00Z'))
  for (const old of [at(2), at(9, '2026-11-23T10:00:00Z'), revisionOf(allowing('read'))]) {
    t.throws(() => second.check(old), { code: 'OLDER_GENERATION' })
  }
  t.match(await readFile(join(root, 'secco/generations.json'), 'utf8'), /"shop\/web"/)

  const keeper = await openRevisionFiles({
    ...{ root, logger, containers: () => [], onStatus: () => undefined },
    dependencies: { trial: trialThatWorks }
  })
  t.match(await keeper.install(at(2)), { ready: false, code: 'OLDER_GENERATION' })
  t.match(
    await keeper.install(
      revisionOf(allowing('bpf'), { generation: 9, createdAt: '2026-11-24T10:00:00Z' })
    ),
    {
      ready: false,
      code: 'WEAKER_THAN_FLOOR'
    }
  )
  t.match(await keeper.install(at(5)), { ready: true })
  t.match(
    await keeper.install(at(4)),
    { ready: true },
    'its file is there already: nothing is written'
  )
  await keeper.close()
})
