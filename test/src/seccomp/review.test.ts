import fc from 'fast-check'
import { test } from 'tap'
import { validateObject } from '../../../src/api/validate.js'
import type { LinuxSeccomp, SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { SeccoError } from '../../../src/errors.js'
import { plural } from '../../../src/plural.js'
import { acceptProfile } from '../../../src/seccomp/accept.js'
import { fromBitmap, toBitmap } from '../../../src/seccomp/bitmap.js'
import { completenessOf, estimateText } from '../../../src/seccomp/completeness.js'
import { riskCombinations, riskGroups } from '../../../src/seccomp/data/risky-calls.js'
import { syscallCves } from '../../../src/seccomp/data/syscall-cves.js'
import { approvalOf, diffReport } from '../../../src/seccomp/diff-report.js'
import { durationMs, durationText } from '../../../src/seccomp/duration.js'
import { evidenceOf, type Instance, newestImage } from '../../../src/seccomp/evidence.js'
import { forbidden } from '../../../src/seccomp/lint-finding.js'
import { lintRaw } from '../../../src/seccomp/lint-raw.js'
import { lintSeccomp } from '../../../src/seccomp/lint.js'
import { imageSide, observedSide } from '../../../src/seccomp/observed-sides.js'
import { parseDocuments } from '../../../src/seccomp/parse.js'
import { promote, promotionOf } from '../../../src/seccomp/promotion.js'
import { lonelyCalls } from '../../../src/seccomp/quorum.js'
import { renderProfile } from '../../../src/seccomp/render.js'
import { reviewOf } from '../../../src/seccomp/review.js'
import { riskReport } from '../../../src/seccomp/risk-score.js'
import { runtimeDefault } from '../../../src/seccomp/runtime-default.js'
import { knownSyscalls, syscallNumber } from '../../../src/seccomp/syscall-table.js'
import {
  estimateUnseen,
  expectedFrom,
  leastInstances,
  type Unseen
} from '../../../src/seccomp/unseen.js'
import { answersOf } from '../../../src/seccomp/filter-answers.js'
import { seededRandom } from '../../helpers/random.js'

const nothing = () => undefined
const start = Date.parse('2026-11-20T10:00:00Z')
const hour = 3_600_000
const at = (ms: number) => new Date(start + ms).toISOString()

function profileOf(
  spec: SeccompProfile['spec'],
  status: SeccompProfile['status'] = {}
): SeccompProfile {
  const metadata = { name: 'web', namespace: 'shop' }
  return { apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata, spec, status }
}

function instance(n: number, names: string[], more: Partial<Instance> = {}): Instance {
  return {
    ...{ id: `n/${n}`, node: n % 2 === 0 ? 'a' : 'b', complete: true, ended: true },
    ...{ firstSeen: at(n * 1000), lastSeen: at(n * 1000 + 500), image: 'web:1', kernel: '6.18' },
    observed: { x86_64: toBitmap('x86_64', names) },
    ...more
  }
}

function seen(sets: string[][], spec: SeccompProfile['spec'] = {}): SeccompProfile {
  const observed = { x86_64: [...new Set(sets.flat())].sort() }
  const instances = sets.map((names, n) => instance(n, names))
  return profileOf(spec, { observed, instances, lastNew: at(0) })
}

const known = (estimate: ReturnType<typeof estimateUnseen>): Unseen => {
  if ('tooFew' in estimate) throw new Error('too few')
  return estimate
}

test('bitmaps of syscall names', (t) => {
  t.equal(toBitmap('x86_64', ['read']), 'AQ==', 'number 0 is bit 0 of byte 0')
  t.equal(toBitmap('x86_64', ['fstat', 'read', 'write']), 'Iw==')
  t.equal(toBitmap('x86_64', []), '')
  t.same(fromBitmap('x86_64', toBitmap('x86_64', ['syscall_700'])), ['syscall_700'])
  t.same(fromBitmap('aarch64', toBitmap('aarch64', ['open', 'openat'])), ['openat'])
  t.same(fromBitmap('x86_64', '§§'), [])
  const abi = fc.constantFrom(
    'x86_64' as const,
    'i386' as const,
    'x32' as const,
    'aarch64' as const
  )
  fc.assert(
    fc.property(abi, fc.uniqueArray(fc.constantFrom(...knownSyscalls)), (which, names) => {
      const own = names.filter((name) => syscallNumber(which, name) !== undefined).sort()
      t.same(fromBitmap(which, toBitmap(which, names)), own)
      t.equal(toBitmap(which, [...names].reverse()), toBitmap(which, own))
    }),
    { numRuns: 60 }
  )
  fc.assert(fc.property(abi, fc.string(), (which, text) => fromBitmap(which, text).length <= 1024))
  t.end()
})

test('words', (t) => {
  t.same(
    [0, 1, 2].map((n) => plural(n, 'instance')),
    ['0 instances', '1 instance', '2 instances']
  )
  t.equal(plural(2, 'entry', 'entries'), '2 entries')
  const spans = [
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000]
  ] as const
  for (const [text, ms] of spans) t.equal(durationMs(text), ms)
  t.equal(durationMs('soon'), undefined)
  t.same([-5, 90_000, 7_200_000, 200_000_000].map(durationText), ['0s', '90s', '2h', '2d'])
  t.end()
})

test('the estimate of the unseen', (t) => {
  t.same(estimateUnseen([['read'], ['write']]), { instances: 2, tooFew: true })
  t.equal(estimateText({ instances: 1, tooFew: true }), 'cannot be estimated yet (1 instance)')
  const common = ['read', 'write', 'openat']
  const steady = known(estimateUnseen(Array.from({ length: 20 }, () => common)))
  t.match(steady, { once: 0, twice: 0, expected: 0, lower: 0, coverage: 1, next: { expected: 0 } })
  t.equal(steady.next.atMost, 3 / 20, 'rule of three: nothing new in 20 still allows 15 %')
  t.ok(steady.upper > 0 && steady.upper <= 5, 'nothing rare was seen, and yet no certainty')

  // By hand: m 10, Q1 4, Q2 2: 0.9 · 16 / 4 = 3.6; 4 new in 10 instances: 0.4 in the next.
  const sets = Array.from({ length: 10 }, () => [...common])
  for (const [n, name] of ['a', 'b', 'c', 'd', 'e', 'e', 'f', 'f'].entries()) sets[n]?.push(name)
  const hand = known(estimateUnseen(sets))
  t.match(hand, { instances: 10, seen: 9, once: 4, twice: 2 })
  t.ok(Math.abs(hand.expected - 3.6) < 1e-9)
  t.equal(hand.next.expected, 0.4)
  // Variance of Chao 1987 with r = 2, a = 0.9: 2 · (1.8 + 6.48 + 3.24) = 23.04; interval by hand.
  const k = Math.exp(1.96 * Math.sqrt(Math.log(1 + 23.04 / 3.6 ** 2)))
  t.ok(Math.abs(hand.lower - 3.6 / k) < 1e-9 && Math.abs(hand.upper - 3.6 * k) < 1e-9)
  t.ok(Math.abs(hand.coverage - (1 - (4 / 38) * (36 / 40))) < 1e-9, 'Good–Turing for incidences')
  t.ok(expectedFrom(hand, 10) > 0 && expectedFrom(hand, 10) < hand.expected)
  t.equal(
    known(estimateUnseen(sets, ['x', 'y'])).upper,
    hand.upper,
    'known elsewhere: not in the upper end'
  )
  t.ok(known(estimateUnseen(sets, ['x', 'y'])).lower <= hand.lower)

  const names = fc.uniqueArray(fc.constantFrom(...knownSyscalls.slice(0, 60)), { maxLength: 25 })
  fc.assert(
    fc.property(
      fc.array(names, { minLength: leastInstances, maxLength: 30 }),
      fc.nat(),
      (list, turn) => {
        const one = known(estimateUnseen(list))
        const cut = turn % list.length
        const turned = [...list.slice(cut), ...list.slice(0, cut)].map((each) =>
          [...each].reverse()
        )
        t.same(known(estimateUnseen(turned)), one, 'order does not matter')
        for (const value of [one.lower, one.expected, one.upper, one.coverage, one.next.atMost]) {
          t.ok(Number.isFinite(value) && value >= 0)
        }
        const double = known(estimateUnseen([...list, ...list]))
        return (
          one.lower <= one.expected + 1e-9 &&
          one.expected <= one.upper + 1e-9 &&
          one.coverage <= 1 &&
          double.once === 0 &&
          double.expected === 0
        )
      }
    ),
    { numRuns: 200 }
  )

  // Synthetic truth: independent calls with known chances; the range should hold it nearly always.
  const random = seededRandom(7)
  let held = 0
  for (let trial = 0; trial < 200; trial += 1) {
    const chances = Array.from({ length: 60 }, (_, n) => (n < 40 ? 0.95 : 0.05 + 0.25 * random()))
    const samples = Array.from({ length: 12 }, () =>
      chances.flatMap((chance, n) => (random() < chance ? [`c${n}`] : []))
    )
    const { lower, upper, seen: found } = known(estimateUnseen(samples))
    const truth = chances.length - found
    if (truth >= Math.floor(lower) && truth <= Math.ceil(upper)) held += 1
  }
  t.ok(held >= 180, `the truth lay in the range in ${held} of 200 trials`)
  t.end()
})

test('evidence, item by item', (t) => {
  const items = (profile: SeccompProfile, now = start + 2 * hour) =>
    Object.fromEntries(evidenceOf(profile, now).map((each) => [each.item, each]))
  const bare = items(profileOf({}))
  t.same(
    Object.values(bare)
      .filter(({ ok }) => ok)
      .map(({ item }) => item),
    ['lost'],
    'nothing seen speaks for nothing'
  )
  for (const { ok, next, item } of Object.values(bare))
    t.equal(ok, next === undefined, `${item}: what to do`)
  const all = seen(Array.from({ length: 6 }, () => ['read', 'write']))
  const events = ['start', 'serve', 'reload', 'stop', 'probe']
  const full = {
    ...all,
    status: {
      ...all.status,
      instances: (all.status?.instances ?? []).map((one) => ({ ...one, events }))
    }
  }
  t.same(
    Object.values(items(full)).filter(({ ok }) => !ok),
    []
  )
  const cases: {
    name: string
    item: string
    change: (one: Instance, n: number) => Partial<Instance>
  }[] = [
    { name: 'not from the first instruction', item: 'whole', change: () => ({ complete: false }) },
    { name: 'one node', item: 'nodes', change: () => ({ node: 'a' }) },
    {
      name: 'a new image, once',
      item: 'image',
      change: (_, n) => (n === 5 ? { image: 'web:2' } : {})
    },
    { name: 'lost', item: 'lost', change: (_, n) => (n === 0 ? { lost: 1 } : {}) },
    {
      name: 'never reloaded',
      item: 'reload',
      change: () => ({ events: ['start', 'serve', 'stop', 'probe'] })
    },
    { name: 'probes only', item: 'instances', change: () => ({ part: 'probe' }) }
  ]
  for (const { name, item, change } of cases) {
    const instances = full.status.instances.map((one, n) => ({ ...one, ...change(one, n) }))
    t.match(
      items({ ...full, status: { ...full.status, instances } })[item],
      { ok: false, next: /./ },
      name
    )
  }
  const few = (change: Partial<Instance>[]) =>
    items({
      ...full,
      status: {
        ...full.status,
        instances: change.map((one, n) => ({ ...instance(n, ['read']), ...one }))
      }
    })['whole']
  t.match(few([{}]), {
    ok: false,
    detail: '1 of 1 from the first instruction',
    next: /none was met late so far/
  })
  t.match(few([{}, { complete: false }]), {
    ok: false,
    detail: '1 of 2 from the first instruction',
    next: /^restart it .*: 1 instance ran already/
  })
  t.match(items(full, start + 60_000)['quiet'], { ok: false, detail: 'nothing new for 60s' })
  t.match(
    items({
      ...full,
      status: { ...full.status, instances: [{ ...instance(0, ['read']), lost: 1 }] }
    })['lost'],
    {
      detail: '1 event lost'
    }
  )
  t.equal(
    newestImage([instance(3, [], { image: 'new' }), instance(1, [], { image: 'old' })]),
    'new'
  )

  const phased = Array.from({ length: 6 }, (_, n) =>
    instance(n, ['execve', 'read', n === 0 ? 'chdir' : 'read'], {
      serving: { x86_64: toBitmap('x86_64', n < 2 ? ['read', 'sendto'] : ['read']) }
    })
  )
  const { estimate } = completenessOf(profileOf({}, { instances: phased }), start)
  t.match(estimate.startup, { seen: 2, once: 1 }, 'execve and chdir')
  t.match(estimate.serving, { seen: 2, once: 0, twice: 1 }, 'read and sendto')
  t.end()
})

test('promotion by policy', (t) => {
  const sets = Array.from({ length: 6 }, () => ['read', 'write'])
  const policy = { afterInstances: 5, afterQuiet: '1h' }
  const now = start + 2 * hour
  const given = seen(sets, { promote: policy })
  t.match(promotionOf(given, now), { ready: true, adds: ['read', 'write'], left: [] })
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
      says: /^1 instance from .*; 5 are asked/
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
      says: /nothing new for 30m; 1h are asked/
    },
    {
      name: 'lost',
      profile: edit({ instances: instances.map((one) => ({ ...one, lost: 1 })) }),
      says: /6 events lost/
    },
    {
      name: 'too much unseen',
      profile: edit({}, { promote: { ...policy, maxUnseen: 0.1 } }),
      says: /at most .* unseen; 0\.1 are accepted/
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
    const lonely = lonelyCalls(profile)
    t.same(
      lonely.map(({ name, node }) => [name, node]),
      nodes.length === 2 ? [] : ['chroot', 'mount', 'ptrace'].map((name) => [name, nodes[0] ?? '']),
      'marked, with the node, until a second one agrees'
    )
    const after = promote(profile, now)
    t.same(after.spec.seccomp?.syscalls, [{ names: adds, action: 'SCMP_ACT_ALLOW' }])
    t.same(after.spec.seccomp?.architectures, ['SCMP_ARCH_X86_64'], 'no other ABI')
    t.same(after.status?.observed, risky.status?.observed, 'what was observed stays')
    t.match(after.status?.approvals, [
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
    { numRuns: 200 }
  )
  t.end()
})

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
  t.match(kinds(render(['mount', 'unshare'])), /new user namespace, and mounts/)
  t.match(kinds(render(['io_uring_setup', 'socket'])), /io_uring beside a filter on sockets/)
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
  const names = fc.uniqueArray(fc.constantFrom(...knownSyscalls), { maxLength: 60 })
  fc.assert(
    fc.property(names, names, (a, b) => {
      const [one, both] = [riskReport(open(a)), riskReport(open([...new Set([...a, ...b])]))]
      const total = one.points.reduce((sum, { points }) => sum + points, 0)
      return (
        one.score >= 0 && both.score <= 100 && Math.abs(Math.min(100, total) - one.score) <= 0.51
      )
    }),
    { numRuns: 100 }
  )
  t.end()
})

test('lint: each rule', (t) => {
  const full = renderProfile(profileOf({}, {}), { mode: 'enforce', resolve: nothing }).seccomp
  t.same(forbidden(lintRaw(full)), [], 'what Secco renders passes its own lint')
  const oci = (change: Record<string, unknown>) => ({ ...full, ...change })
  const spec = (seccomp: unknown) => ({
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { name: 'x' } },
    spec: { seccomp }
  })
  const without = (...names: string[]) =>
    oci({
      syscalls: (full.syscalls ?? [])
        .map((rule) => ({ ...rule, names: rule.names.filter((name) => !names.includes(name)) }))
        .filter((rule) => rule.names.length > 0)
    })
  const plus = (rule: unknown) => oci({ syscalls: [...(full.syscalls ?? []), rule] })
  const allow = (...names: string[]) => ({ names, action: 'SCMP_ACT_ALLOW' })
  const errno = { defaultAction: 'SCMP_ACT_ERRNO' }
  const x86 = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']
  const old = { name: 'runc', version: '1.1.5+ds1' }
  const cases: { document: unknown; rule: string; severity: string; runtime?: typeof old }[] = [
    { document: without('exit', 'exit_group'), rule: 'missing-exit', severity: 'error' },
    { document: without('execve'), rule: 'missing-execve', severity: 'error' },
    { document: without('futex'), rule: 'missing-base', severity: 'error' },
    {
      document: plus({ ...allow('read'), includes: { caps: ['CAP_SYS_ADMIN'] } }),
      rule: 'docker-only',
      severity: 'error'
    },
    {
      document: plus({ ...allow('read'), comment: 'x' }),
      rule: 'docker-only',
      severity: 'warning'
    },
    {
      document: plus({ name: 'read', action: 'SCMP_ACT_ALLOW' }),
      rule: 'docker-only',
      severity: 'error'
    },
    { document: oci({ archMap: [] }), rule: 'docker-only', severity: 'error' },
    { document: oci({ archmap: [] }), rule: 'unknown-key', severity: 'error' },
    { document: plus(allow('nonsense')), rule: 'unknown-name', severity: 'warning' },
    {
      document: spec({ ...errno, syscalls: [allow('nonsense')] }),
      rule: 'unknown-name',
      severity: 'error'
    },
    {
      document: spec({ ...errno, syscalls: [allow('riscv_hwprobe')] }),
      rule: 'other-architecture',
      severity: 'error'
    },
    {
      document: spec({ ...errno, architectures: ['SCMP_ARCH_AARCH64'], syscalls: [allow('open')] }),
      rule: 'other-architecture',
      severity: 'warning'
    },
    { document: errno, rule: 'empty', severity: 'error' },
    { document: spec({ ...errno, syscalls: [] }), rule: 'empty', severity: 'warning' },
    { document: spec(undefined), rule: 'empty', severity: 'note' },
    { document: plus(allow('mount')), rule: 'beyond-runtime-default', severity: 'warning' },
    { document: plus(allow('mount')), rule: 'dangerous', severity: 'warning' },
    { document: plus(allow('socket')), rule: 'wider-arguments', severity: 'warning' },
    {
      document: oci({ architectures: ['SCMP_ARCH_X86_64'] }),
      rule: 'i386-missing',
      severity: 'note'
    },
    {
      document: { ...plus(allow('socketcall')), architectures: x86 },
      rule: 'abi-hole',
      severity: 'warning'
    },
    {
      document: oci({ architectures: [...x86, 'SCMP_ARCH_X32'] }),
      rule: 'x32-listed',
      severity: 'note'
    },
    {
      document: {
        ...errno,
        syscalls: [allow('open', 'execve', 'exit', 'exit_group', 'futex', 'rt_sigreturn')]
      },
      rule: 'open-without-openat',
      severity: 'warning'
    },
    { document: plus(allow('io_uring_setup')), rule: 'io-uring-bypass', severity: 'warning' },
    { document: oci({ flags: ['SECCOMP_FILTER_FLAG_LOG'] }), rule: 'flags', severity: 'warning' },
    {
      document: oci({ flags: ['SECCOMP_FILTER_FLAG_LOG'] }),
      rule: 'flags',
      severity: 'error',
      runtime: old
    },
    { document: oci({ flags: ['FASTER'] }), rule: 'flags', severity: 'error' },
    { document: oci({ listenerPath: '/x' }), rule: 'listener', severity: 'error' },
    { document: { defaultAction: 'SCMP_ACT_ALLOW' }, rule: 'allow-all', severity: 'error' },
    { document: spec({ defaultAction: 'SCMP_ACT_LOG' }), rule: 'allow-all', severity: 'warning' },
    { document: oci({ defaultErrnoRet: 38 }), rule: 'enosys-default', severity: 'warning' },
    { document: oci({ defaultAction: 'SCMP_ACT_KILL' }), rule: 'kill-default', severity: 'note' },
    { document: oci({ defaultAction: 'ALLOW' }), rule: 'invalid', severity: 'error' },
    { document: plus('read'), rule: 'invalid', severity: 'error' },
    { document: 7, rule: 'invalid', severity: 'error' },
    { document: { linux: {} }, rule: 'invalid', severity: 'error' },
    { document: { linux: { seccomp: errno } }, rule: 'empty', severity: 'error' },
    { document: { kind: 'SeccompProfile', spec: { ...errno } }, rule: 'empty', severity: 'error' },
    {
      document: spec({
        ...errno,
        syscalls: [allow('execve'), { names: ['execve'], action: 'SCMP_ACT_KILL' }]
      }),
      rule: 'missing-execve',
      severity: 'error'
    },
    {
      document: spec({ ...errno, syscalls: [{ names: ['exit_group'], action: 'SCMP_ACT_ERRNO' }] }),
      rule: 'missing-exit',
      severity: 'error'
    }
  ]
  for (const { document, rule, severity, runtime } of cases) {
    const found = lintRaw(document, runtime === undefined ? {} : { runtime })
    const text = found.map((each) => `${each.severity} ${each.rule} ${each.subject}`)
    t.ok(
      found.some((each) => each.rule === rule && each.severity === severity),
      `${severity} ${rule}: ${text.slice(0, 6).join(', ')}`
    )
    for (const each of found) t.ok(each.message !== '' && each.mend !== '' && each.subject !== '')
  }
  t.match(lintRaw(oci({ defaultAction: 'ALLOW' })), [
    { subject: 'defaultAction', message: /must be one of/ }
  ])
  t.same(
    forbidden(
      lintRaw(oci({ flags: ['SECCOMP_FILTER_FLAG_LOG'] }), {
        runtime: { ...old, version: '1.2.8' }
      })
    ),
    []
  )
  t.end()
})

test('100,000 random documents: no crash, and nothing the lint forbids is accepted', (t) => {
  const random = seededRandom(20_261_124)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const maybe = <T>(chance: number, value: () => T): T | undefined =>
    random() < chance ? value() : undefined
  const words = [
    '',
    'read',
    'nonsense',
    'riscv_hwprobe',
    'exit_group',
    '__proto__',
    '\u0000',
    'SCMP_ACT_ALLOW',
    'a'.repeat(80)
  ]
  const junk = (depth = 0): unknown =>
    pick<() => unknown>([
      () => null,
      () => random() * 1e20,
      () => -1,
      () => pick(words),
      () => true,
      () => (depth > 3 ? [] : [junk(depth + 1), junk(depth + 1)]),
      () =>
        depth > 3
          ? {}
          : {
              [pick(words)]: junk(depth + 1),
              [pick(['spec', 'linux', 'flags', 'names'])]: junk(depth + 1)
            }
    ])()
  const or = (value: () => unknown) => (random() < 0.015 ? junk() : value())
  const actions = [
    'SCMP_ACT_ALLOW',
    'SCMP_ACT_ALLOW',
    'SCMP_ACT_ERRNO',
    'SCMP_ACT_LOG',
    'SCMP_ACT_KILL'
  ]
  const name = () => (random() < 0.95 ? pick(knownSyscalls) : pick(words))
  const arg = () => ({
    index: Math.floor(random() * 6),
    value: Math.floor(random() * 99),
    op: pick(['SCMP_CMP_EQ', 'SCMP_CMP_LT', 'SCMP_CMP_NE'])
  })
  const rule = () => ({
    names: or(() => Array.from({ length: 1 + Math.floor(random() * 4) }, name)),
    action: or(() => pick(actions)),
    ...(maybe(0.15, () => ({ args: or(() => [arg()]) })) ?? {}),
    ...(maybe(0.05, () => ({ includes: { caps: ['CAP_SYS_ADMIN'] } })) ?? {}),
    ...(maybe(0.1, () => ({ errnoRet: or(() => pick([1, 38, 5000])) })) ?? {})
  })
  const seccomp = () => ({
    defaultAction: or(() => pick(actions.slice(2))),
    ...(maybe(0.5, () => ({
      architectures: or(() => [pick(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_AARCH64'])])
    })) ?? {}),
    ...(maybe(0.9, () => ({
      syscalls: or(() => Array.from({ length: Math.floor(random() * 4) }, rule))
    })) ?? {}),
    ...(maybe(0.05, () => ({ [pick(['flags', 'listenerPath', 'archMap', 'typo'])]: junk() })) ?? {})
  })
  const document = (): unknown => {
    const shape = random()
    if (shape < 0.05) return junk()
    if (shape < 0.1) return seccomp()
    if (shape < 0.15) return { linux: or(() => ({ seccomp: or(seccomp) })) }
    return {
      apiVersion: or(() => 'secco.dev/v1alpha1'),
      kind: or(() => 'SeccompProfile'),
      metadata: or(() => ({ name: or(() => 'x'), namespace: 'y' })),
      spec: or(() => ({ seccomp: or(seccomp) }))
    }
  }
  let [accepted, refused, unrendered] = [0, 0, 0]
  const wrong: string[] = []
  for (let n = 0; n < 100_000; n += 1) {
    const raw = document()
    const findings = lintRaw(raw)
    try {
      // Each fiftieth goes the whole way through text; YAML takes most of the time.
      const objects =
        n % 50 === 0 ? parseDocuments(JSON.stringify(raw), 'x') : [validateObject(raw, 'x')]
      for (const object of objects) {
        if (object.kind !== 'SeccompProfile') continue
        acceptProfile(object, 'x')
        accepted += 1
        if (forbidden(findings).length > 0)
          wrong.push(`accepted ${JSON.stringify([forbidden(findings), raw])}`)
        if (accepted % 50 !== 0) continue
        try {
          const { seccomp: rendered } = renderProfile(object, { mode: 'enforce', resolve: nothing })
          const found = forbidden(lintSeccomp(rendered))
          if (found.length > 0) wrong.push(`rendered ${JSON.stringify([found, raw])}`)
        } catch (error) {
          if (error instanceof SeccoError) unrendered += 1
          else throw error
        }
      }
    } catch (error) {
      if (error instanceof SeccoError) refused += 1
      else wrong.push(`crashed ${String(error)} ${JSON.stringify(raw)}`)
    }
  }
  t.same(wrong.slice(0, 3), [])
  t.ok(
    accepted > 10_000 && refused > 10_000,
    `${accepted} accepted, ${refused} refused, ${unrendered} not expressible`
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
  t.match(report, { left: 'a', right: 'b', added: ['mount'], removed: ['write'] })
  t.match(report.entries, [
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
  t.match(diffReport(one, other), {
    added: ['write'],
    removed: [],
    entries: [{ why: [/image web:2/] }]
  })
  t.equal(imageSide(two, 'web:3', 'c'), undefined)
  t.same(observedSide(two, 'x').seccomp.architectures, ['SCMP_ARCH_X86_64'])
  t.end()
})

test('the review of a profile', (t) => {
  const review = (profile: SeccompProfile) => reviewOf(profile, start + 2 * hour, nothing)
  t.match(review(profileOf({})).next, /secco\.dev\/learn/)
  t.match(review(seen([['read']])), {
    next: /let it run at least 5 times[^]*profile approve shop\/web/,
    risk: { of: 'observed' }
  })
  const approved = profileOf(
    {
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }]
      }
    },
    { observed: { x86_64: ['read'] } }
  )
  t.match(review(approved), {
    next: /secco get nodes/,
    risk: { of: 'approved', neverObserved: [] }
  })
  const ready = {
    ...approved,
    status: {
      ...approved.status,
      nodes: { ready: 1, total: 1 },
      conditions: [
        {
          type: 'Ready',
          status: 'True' as const,
          reason: 'x',
          message: '',
          lastTransitionTime: at(0)
        }
      ]
    }
  }
  t.match(review(ready).next, /secco\.dev\/profile: web/)
  t.match(
    review(profileOf({ extends: ['gone'], promote: { afterInstances: 1, afterQuiet: '1h' } })),
    {
      ...{ risk: undefined, problem: /gone/, promotion: { ready: false } }
    }
  )
  t.end()
})
