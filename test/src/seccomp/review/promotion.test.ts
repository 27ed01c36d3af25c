import fc from 'fast-check'
import { test } from 'tap'
import { validateObject } from '../../../../src/api/validate.js'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { riskGroups } from '../../../../src/seccomp/policy/data/risky-calls.js'
import { undecidedCallsOf } from '../../../../src/seccomp/review/denied-calls.js'
import { promote, promotionOf } from '../../../../src/seccomp/review/promotion.js'
import { singleSourceCalls } from '../../../../src/seccomp/review/quorum.js'
import { runtimeDefault } from '../../../../src/seccomp/policy/runtime-default.js'
import { knownSyscalls } from '../../../../src/syscalls/syscall-table.js'
import { answersOf } from '../../../../src/seccomp/filter/filter-answers.js'
import { runs } from '../../../helpers/fuzz.js'
import { seen, start, instance, hour } from '../../../helpers/instances.js'
import { matchLists } from '../../../helpers/match-lists.js'

test('a policy approves nothing that was denied or logged, whatever its risk', (t) => {
  const sets = Array.from({ length: 6 }, () => ['getpgid', 'getsid', 'read'])
  const given = seen(sets, { promote: { afterInstances: 5, afterQuiet: '1h', denyRisky: false } })
  const now = start + 2 * hour
  const denied = (syscall: string, action: string, state = 'open') => ({
    ...{ syscall, call: syscall, count: 2, comm: 'sh', action, state }
  })
  const undecided = undecidedCallsOf([
    denied('getpgid', 'SCMP_ACT_LOG'),
    denied('getsid', 'SCMP_ACT_ERRNO', 'muted'),
    denied('setsid', 'SCMP_ACT_ERRNO')
  ])
  const key = `${given.metadata.namespace ?? ''}/${given.metadata.name}`
  matchLists(t, promotionOf(given, now, undecided), {
    ...{ ready: true, adds: ['read'] },
    left: [
      {
        name: 'getpgid',
        reason: `logged by audit, 2 times, by sh; to allow it: secco denials allow ${key} getpgid`
      },
      { name: 'getsid', reason: 'muted, denied, 2 times, by sh' }
    ]
  })
  const after = promote(given, now, undefined, undecided)
  t.same(after.spec.seccomp?.syscalls, [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }])
  t.match(after.status?.approvals?.at(-1)?.reason, /left to a person: getpgid, getsid$/)
  t.same(after.status?.observed, given.status?.observed, 'what was observed stays')
  t.equal(promote(after, now, undefined, undecided), after, 'once')
  t.end()
})

test('promotion by policy', (t) => {
  const sets = Array.from({ length: 6 }, () => ['read', 'write'])
  const policy = { afterInstances: 5, afterQuiet: '1h' }
  const now = start + 2 * hour
  const given = seen(sets, { promote: policy })
  matchLists(t, promotionOf(given, now), { ready: true, adds: ['read', 'write'], left: [] })
  const edit = (
    change: Partial<NonNullable<SeccompProfile['status']>>,
    spec = given.spec
  ): SeccompProfile => ({
    ...given,
    spec,
    status: { ...given.status, ...change }
  })
  const instances = given.status?.instances ?? []
  const waits: { name: string; profile: SeccompProfile; now?: number; says: RegExp }[] = [
    { name: 'no policy', profile: edit({}, {}), says: /spec\.promote is not set/ },
    {
      name: 'too few',
      profile: edit({ instances: instances.slice(0, 1) }),
      says: /^1 instance from .*; 5 are required/
    },
    {
      name: 'not whole',
      profile: edit({ instances: instances.map((one) => ({ ...one, complete: false })) }),
      says: /^0 instances/
    },
    {
      name: 'not quiet',
      profile: given,
      now: start + hour / 2,
      says: /nothing new for 30m, recorded for 3s of it; 1h are required/
    },
    {
      name: 'lost',
      profile: edit({ instances: instances.map((one) => ({ ...one, lost: 1 })) }),
      says: /6 events lost/
    },
    {
      name: 'too much unseen',
      profile: edit({}, { promote: { ...policy, maxUnseen: 0.1 } }),
      says: /at most .* unseen; the limit is 0\.1/
    },
    {
      name: 'no estimate',
      profile: edit(
        { instances: instances.map((one) => ({ ...one, observed: {} })) },
        { promote: { ...policy, maxUnseen: 9 } }
      ),
      says: /cannot be estimated yet \(0 instances\)/
    },
    {
      name: 'nothing new',
      profile: promote(given, now),
      says: /nothing new that a policy may approve/
    }
  ]
  for (const { name, profile, says, ...more } of waits) {
    const result = promotionOf(profile, more.now ?? now)
    t.equal(result.ready, false, name)
    t.ok(
      result.reasons.some((reason) => says.test(reason)),
      `${name}: ${result.reasons.join('; ')}`
    )
    t.equal(promote(profile, more.now ?? now), profile, `${name}: unchanged`)
  }

  // mount is beyond RuntimeDefault, ptrace of high risk within it, chroot of medium risk.
  const risky = edit({
    observed: { x86_64: ['chroot', 'mount', 'ptrace', 'read'], i386: ['write'], x32: ['brk'] }
  })
  const witnessedBy = (nodes: readonly string[]) => ({
    ...risky.status,
    instances: [
      ...(risky.status?.instances ?? []),
      ...nodes.map((node) => ({
        ...instance(0, ['chroot', 'mount', 'ptrace', 'read']),
        ...{ id: `witness-${node}`, node }
      }))
    ]
  })
  for (const [denyRisky, nodes, adds] of [
    [true, ['a', 'b'], ['read']],
    [false, ['a', 'b'], ['chroot', 'read']],
    [false, ['a'], ['read']],
    [false, [], ['read']]
  ] as const) {
    const profile = {
      ...risky,
      spec: { promote: { ...policy, denyRisky } },
      status: witnessedBy(nodes)
    }
    const lonely = singleSourceCalls(profile)
    t.same(
      lonely.map(({ name, node }) => [name, node]),
      nodes.length === 2 ? [] : ['chroot', 'mount', 'ptrace'].map((name) => [name, nodes[0] ?? '']),
      'marked, with the node, until a second one agrees'
    )
    const after = promote(profile, now)
    t.same(after.spec.seccomp?.syscalls, [{ names: adds, action: 'SCMP_ACT_ALLOW' }])
    t.same(after.spec.seccomp?.architectures, ['SCMP_ARCH_X86_64'], 'no other ABI')
    t.same(after.status?.observed, risky.status?.observed, 'what was observed stays')
    matchLists(t, after.status?.approvals, [
      { by: 'policy', revision: '', reason: /left to a person: .*mount.*ptrace/ }
    ])
    validateObject(after, 'after')
  }
  const names = fc.uniqueArray(fc.constantFrom(...knownSyscalls), { maxLength: 30 })
  const floor = answersOf(runtimeDefault())
  fc.assert(
    fc.property(names, fc.boolean(), (list, denyRisky) => {
      const after = promote(
        edit({ observed: { x86_64: [...list].sort() } }, { promote: { ...policy, denyRisky } }),
        now
      )
      const report = riskGroups
        .filter(({ level }) => level === 'high')
        .flatMap((group) => group.names)
      return (after.spec.seccomp?.syscalls ?? []).every((rule) =>
        rule.names.every(
          (name) => !report.includes(name) && (floor.sometimes(name) || name === 'clone3')
        )
      )
    }),
    { numRuns: runs(100) }
  )
  t.end()
})
