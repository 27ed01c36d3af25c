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
