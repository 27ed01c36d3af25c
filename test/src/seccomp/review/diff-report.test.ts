import { test } from 'tap'
import type { LinuxSeccomp } from '../../../../src/api/seccomp-profile.js'
import { approvalOf, diffReport } from '../../../../src/seccomp/review/diff-report.js'
import { imageSide, observedSide } from '../../../../src/seccomp/review/observed-sides.js'
import { at, profileOf, instance } from '../../../helpers/instances.js'
import { matchLists } from '../../../helpers/match-lists.js'

test('what is denied anyway and gets an answer of its own is not added, and no risk', (t) => {
  const side = (label: string, syscalls: NonNullable<LinuxSeccomp['syscalls']>) => ({
    label,
    seccomp: { defaultAction: 'SCMP_ACT_ERRNO' as const, syscalls }
  })
  const read = { names: ['read'], action: 'SCMP_ACT_ALLOW' as const }
  const answer = { names: ['io_uring_setup'], action: 'SCMP_ACT_ERRNO' as const, errnoRet: 38 }
  const [plain, answering] = [side('a', [read]), side('b', [read, answer])]
  const entry = { name: 'io_uring_setup', change: 'changed' }
  matchLists(t, diffReport(plain, answering), {
    ...{ added: [], removed: [], changed: [{ name: 'io_uring_setup' }] },
    entries: [{ ...entry, from: 'SCMP_ACT_ERRNO', to: 'SCMP_ACT_ERRNO(38)' }]
  })
  matchLists(t, diffReport(answering, plain).entries, [{ ...entry, from: 'SCMP_ACT_ERRNO(38)' }])
  const more = side('c', [read, answer, { names: ['zzz'], action: 'SCMP_ACT_ALLOW' }])
  t.same(
    diffReport(plain, more).entries.map(({ name }) => name),
    ['zzz', 'io_uring_setup'],
    'what can be done comes before what is only answered'
  )
  t.end()
})

test('diff of two sides', (t) => {
  const allow = (names: string[], more: LinuxSeccomp['syscalls'] = []): LinuxSeccomp => ({
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }, ...more]
  })
  const args = [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' as const }]
  const by = { by: 'ann', at: at(0), reason: 'release 7' }
  const report = diffReport(
    {
      label: 'a',
      seccomp: allow(['read', 'socket', 'write']),
      provenance: { write: ['observed: x86_64'] }
    },
    {
      ...{
        label: 'b',
        seccomp: allow(['mount', 'read'], [{ names: ['socket'], action: 'SCMP_ACT_ALLOW', args }])
      },
      ...{ provenance: { mount: ['person: spec.seccomp'] }, by }
    }
  )
  matchLists(t, report, { left: 'a', right: 'b', added: ['mount'], removed: ['write'] })
  matchLists(t, report.entries, [
    {
      ...{ name: 'mount', change: 'added', beyondRuntimeDefault: true, risk: { level: 'high' } },
      ...{ why: ['person: spec.seccomp'], by: `ann at ${at(0)} (release 7)` }
    },
    {
      name: 'socket',
      change: 'changed',
      from: 'SCMP_ACT_ALLOW',
      to: 'SCMP_ACT_ALLOW if arg0 EQ 1'
    },
    { name: 'write', change: 'removed', why: ['observed: x86_64'] }
  ])
  const answering = { names: ['socket'], action: 'SCMP_ACT_ERRNO' as const, errnoRet: 38 }
  for (const why of ['enosys: newer than the profile', 'emergency: removed by it']) {
    const seccomp = allow(['read', 'write'], [answering])
    const after = { label: 'b', seccomp, provenance: { socket: [why] }, by }
    const { entries } = diffReport(
      { label: 'a', seccomp: allow(['read', 'socket', 'write']) },
      after
    )
    t.same(
      entries.map(({ name, by }) => [name, by]),
      [['socket', undefined]],
      `${why}: who approved did not decide that`
    )
  }
  const approvals = [
    { by: 'ann', at: at(0), revision: 'sha256:1' },
    { by: 'bob', at: at(1), revision: 'sha256:1' }
  ]
  t.match(approvalOf(profileOf({}, { approvals }), 'sha256:1'), { by: 'bob' })
  t.equal(approvalOf(profileOf({}, { approvals }), 'sha256:2'), undefined)
  const two = profileOf(
    {},
    {
      observed: { x86_64: ['read', 'write'] },
      instances: [instance(0, ['read']), instance(1, ['read', 'write'], { image: 'web:2' })]
    }
  )
  const [one, other] = [imageSide(two, 'web:1', 'a'), imageSide(two, 'web:2', 'b')]
  if (one === undefined || other === undefined) throw new Error('both images are known')
  matchLists(t, diffReport(one, other), {
    added: ['write'],
    removed: [],
    entries: [{ why: [/image web:2/] }]
  })
  t.equal(imageSide(two, 'web:3', 'c'), undefined)
  t.same(observedSide(two, 'x').seccomp.architectures, ['SCMP_ARCH_X86_64'])
  t.end()
})

test('a change is attributed to the side that has the call, and in one profile to the later decision', (t) => {
  const side = (of: string, day: number, names: string[], why: Record<string, string[]> = {}) => ({
    ...{ label: of, of, provenance: why },
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO' as const,
      syscalls: [{ names, action: 'SCMP_ACT_ALLOW' as const }]
    },
    by: { by: `${of} on day ${day}`, at: `2026-01-0${day}T00:00:00Z` }
  })
  const whoOf = (left: Parameters<typeof diffReport>[0], right: typeof left) =>
    diffReport(left, right).entries.map(({ name, by }) => `${name}: ${by?.split(' at ')[0]}`)
  const web = (day: number, names: string[]) => side('shop/web', day, names)
  t.same(
    whoOf(side('shop/api', 1, ['read', 'write']), web(2, ['read', 'ioctl'])).sort(),
    ['ioctl: shop/web on day 2', 'write: shop/api on day 1'],
    'two profiles'
  )
  t.same(whoOf(web(1, ['read', 'write']), web(2, ['read'])), ['write: shop/web on day 2'])
  t.same(whoOf(web(2, ['read', 'write']), web(1, ['read'])), ['write: shop/web on day 2'], 'back')
  const base = side('shop/web', 2, ['read', 'futex'], { futex: ['base: runc needs it'] })
  t.same(whoOf(web(1, ['read']), base), ['futex: undefined'], 'nobody decided on a base')
  t.end()
})
