import fc from 'fast-check'
import { test } from 'tap'
import type { LinuxSeccomp } from '../../../../src/api/seccomp-profile.js'
import { riskCombinations, riskGroups } from '../../../../src/seccomp/policy/data/risky-calls.js'
import { syscallCves } from '../../../../src/seccomp/data/syscall-cves.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { riskReport } from '../../../../src/seccomp/review/risk-score.js'
import { knownSyscalls } from '../../../../src/syscalls/syscall-table.js'
import { runs } from '../../../helpers/fuzz.js'
import { profileOf } from '../../../helpers/instances.js'
import { nothing } from '../../../helpers/seccomp-profiles.js'

test('risk, explained', (t) => {
  for (const { names, reason, source, points } of riskGroups) {
    t.ok(reason !== '' && source !== '' && points > 0)
    t.same(
      names.filter((name) => !knownSyscalls.includes(name)),
      [],
      reason
    )
  }
  for (const { each } of riskCombinations)
    t.same(
      each.flat().filter((name) => !knownSyscalls.includes(name)),
      []
    )
  const ids = syscallCves.map(({ id }) => id)
  t.equal(new Set(ids).size, ids.length, 'each CVE once')
  for (const { id, syscalls, source } of syscallCves) {
    t.ok(/^CVE-\d{4}-\d{4,}$/.test(id) && source !== '', id)
    t.same(
      syscalls.filter((name) => !knownSyscalls.includes(name)),
      [],
      id
    )
  }
  const render = (names: string[]) =>
    renderProfile(
      profileOf({
        seccomp: {
          defaultAction: 'SCMP_ACT_ERRNO',
          syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }]
        }
      }),
      { mode: 'enforce', resolve: nothing }
    ).seccomp
  const small = riskReport(render(['read', 'write']))
  const server = riskReport(render(['accept4', 'bind', 'listen', 'setsockopt', 'socket']))
  const admin = riskReport(render(['bpf', 'mount', 'ptrace', 'unshare']))
  const scores = [
    small.score,
    server.score,
    admin.score,
    riskReport({ defaultAction: 'SCMP_ACT_ALLOW' }).score
  ]
  t.same(
    [...scores].sort((a, b) => a - b),
    scores
  )
  t.ok(
    small.score < 30 && scores[3] === 100 && small.runtimeDefault > server.score,
    scores.join(' ')
  )
  t.same(admin.beyondRuntimeDefault, ['bpf', 'mount', 'unshare'])
  const kinds = (seccomp: LinuxSeccomp) =>
    riskReport(seccomp)
      .points.map(({ reason }) => reason)
      .join('\n')
  t.match(kinds(render(['mount', 'unshare'])), /new user namespace with mounts/)
  t.match(kinds(render(['io_uring_setup', 'socket'])), /io_uring together with a filter on sockets/)
  const open = (names: string[]): LinuxSeccomp => ({
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }]
  })
  t.match(kinds(open(['clone', 'socket'])), /AF_ALG sockets[^]*CVE-2026-31431/)
  t.match(kinds(open(['clone', 'socket'])), /CLONE_NEWUSER[^]*CVE-2024-1086/)
  t.notMatch(kinds(render(['clone', 'socket'])), /AF_ALG|AF_VSOCK|CLONE_NEWUSER|CVE-2026-31431/)
  t.same(
    riskReport(open(['read', 'splice', 'write']), { observed: ['read'], needed: ['write'] })
      .neverObserved,
    ['splice']
  )
  // `secco ps` scores a filter alone, the pages score it with what was observed: the container has one risk.
  const wide = open(knownSyscalls.slice(0, 60))
  const seen = riskReport(wide, { observed: ['read'] })
  t.ok(seen.neverObserved.length > 50)
  t.equal(seen.score, riskReport(wide).score)
  const names = fc.uniqueArray(fc.constantFrom(...knownSyscalls), { maxLength: 60 })
  fc.assert(
    fc.property(names, names, (a, b) => {
      const [one, both] = [riskReport(open(a)), riskReport(open([...new Set([...a, ...b])]))]
      const total = one.points.reduce((sum, { points }) => sum + points, 0)
      return (
        one.score >= 0 && both.score <= 100 && Math.abs(Math.min(100, total) - one.score) <= 0.51
      )
    }),
    { numRuns: runs(50) }
  )
  t.end()
})
