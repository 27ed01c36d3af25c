import fc from 'fast-check'
import { test } from 'tap'
import { validateObject } from '../../../src/api/validate.js'
import type { LinuxSeccomp, SeccompArg, SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { SeccoError } from '../../../src/errors.js'
import { abis } from '../../../src/seccomp/abi.js'
import { approveObserved } from '../../../src/seccomp/approve.js'
import type { Resolve } from '../../../src/seccomp/approved.js'
import { planArguments } from '../../../src/seccomp/argument-approval.js'
import {
  intersectConditions,
  subtractConditions,
  withoutCovered
} from '../../../src/seccomp/argument-algebra.js'
import { type Conditions, conditionHolds } from '../../../src/seccomp/argument-rules.js'
import { baseNames, baseOf, isBase } from '../../../src/seccomp/base.js'
import { toBitmap } from '../../../src/seccomp/bitmap.js'
import { emptyOverlay, needed, parseBlock, withBlock } from '../../../src/seccomp/block.js'
import { builtinProfiles, curatedNames } from '../../../src/seccomp/builtin.js'
import { curated } from '../../../src/seccomp/data/curated/curated.js'
import { emergencyTemplates } from '../../../src/seccomp/data/emergency-templates.js'
import { emergencyOf } from '../../../src/seccomp/emergency.js'
import { widen } from '../../../src/seccomp/families.js'
import { commonAction, newestNumber } from '../../../src/seccomp/fleet-keys.js'
import { limitsOf } from '../../../src/seccomp/limits.js'
import { type Rule, rulesOf } from '../../../src/seccomp/normal-form.js'
import { parseDocument, serializeDocument } from '../../../src/seccomp/parse.js'
import { renderProfile } from '../../../src/seccomp/render.js'
import { runtimeDefault, runtimeDefaultNames } from '../../../src/seccomp/runtime-default.js'
import { knownSyscalls, syscallNumber } from '../../../src/seccomp/syscall-table.js'
import {
  callArguments,
  conditions,
  overlayOf,
  randomProfile,
  randomRefusals,
  tryRender
} from '../../helpers/random-profile.js'

const nothing: Resolve = () => undefined
const enforce = { mode: 'enforce', resolve: nothing } as const
const modes = ['audit', 'enforce'] as const

function profileOf(
  spec: SeccompProfile['spec'],
  status?: SeccompProfile['status'],
  name = 'app'
): SeccompProfile {
  return {
    apiVersion: 'secco.dev/v1alpha1',
    kind: 'SeccompProfile',
    metadata: { name, namespace: 'shop' },
    spec,
    ...(status === undefined ? {} : { status })
  }
}

const allowing = (names: string[]) =>
  profileOf({
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: names.length === 0 ? [] : [{ names, action: 'SCMP_ACT_ALLOW' }]
    }
  })

const overlay = overlayOf

const holds = (args: Conditions, call: readonly bigint[]) =>
  args.every((arg) => conditionHolds(arg, call[arg.index] ?? 0n))
const anyHolds = (alternatives: readonly Conditions[], call: readonly bigint[]) =>
  alternatives.some((args) => holds(args, call))

const ruleIndexes = new WeakMap<LinuxSeccomp, Map<string, Rule[]>>()
function rulesFor(seccomp: LinuxSeccomp, name: string): Rule[] {
  const known = ruleIndexes.get(seccomp)
  if (known !== undefined) return known.get(name) ?? []
  const index = new Map<string, Rule[]>()
  for (const rule of rulesOf(seccomp)) index.set(rule.name, [...(index.get(rule.name) ?? []), rule])
  ruleIndexes.set(seccomp, index)
  return index.get(name) ?? []
}

/** Does a filter let a call through? Alternatives of one name are joined by OR. */
function passes(seccomp: LinuxSeccomp, name: string, call: readonly bigint[]): boolean {
  const hit = rulesFor(seccomp, name).filter((rule) => holds(rule.args ?? [], call))
  return hit.some(({ action }) => action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG')
}

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof SeccoError) return error.code
    throw error
  }
  return 'none'
}

test('conditions as sets', (t) => {
  const law = (property: fc.IRawProperty<unknown>, what: string) =>
    t.doesNotThrow(() => fc.assert(property as fc.IProperty<unknown>, { numRuns: 1000 }), what)
  law(
    fc.property(conditions, conditions, callArguments, (left, right, call) => {
      const both = intersectConditions(left, right)
      return (
        both === undefined || anyHolds(both, call) === (holds(left, call) && holds(right, call))
      )
    }),
    'intersection'
  )
  law(
    fc.property(
      fc.array(conditions, { maxLength: 4 }),
      conditions,
      callArguments,
      (from, no, call) => {
        const { left, exact } = subtractConditions(from, no)
        const got = anyHolds(left, call)
        const wanted = anyHolds(from, call) && !holds(no, call)
        // What cannot be expressed is left out, never left in.
        return exact ? got === wanted : !got || wanted
      }
    ),
    'difference'
  )
  law(
    fc.property(fc.array(conditions, { maxLength: 5 }), callArguments, (list, call) => {
      return anyHolds(withoutCovered(list), call) === anyHolds(list, call)
    }),
    'what is covered can go'
  )
  const eq = (value: number, index = 0): SeccompArg => ({ index, op: 'SCMP_CMP_EQ', value })
  t.same(subtractConditions([[]], [eq(7)]).left, [[{ index: 0, op: 'SCMP_CMP_NE', value: 7 }]])
  t.same(subtractConditions([[eq(1)], [eq(2)]], [eq(1)]).left, [[eq(2)]])
  t.same(
    subtractConditions([[]], [{ index: 0, op: 'SCMP_CMP_MASKED_EQ', value: 6, valueTwo: 2 }]).left,
    [
      [{ index: 0, op: 'SCMP_CMP_MASKED_EQ', value: 2, valueTwo: 0 }],
      [{ index: 0, op: 'SCMP_CMP_MASKED_EQ', value: 4, valueTwo: 4 }]
    ],
    'masked and not equal: some bit differs'
  )
  t.end()
})

test('base: data with reasons, by runtime and version', (t) => {
  for (const { name, reason, source } of baseOf([])) {
    t.ok(knownSyscalls.includes(name) && reason !== '' && source !== '', name)
  }
  const of = (name: string, version: string) => baseNames([{ name, version }])
  t.notOk(of('runc', '1.1.5').has('statx'))
  t.ok(of('runc', '1.3').has('statx'))
  t.ok(of('crun', '1.8.1').has('pselect6'), 'measured')
  t.notOk(of('crun', '1.8.1').has('fstatfs'), "runc's own")
  t.ok(isBase('execve'))
  t.notOk(isBase('mount'))
  t.end()
})

test('the border between EPERM and ENOSYS', (t) => {
  const { seccomp } = renderProfile(allowing(['read']), enforce)
  const named = new Set(rulesOf(seccomp).map(({ name }) => name))
  for (const abi of abis) {
    const numbers = knownSyscalls
      .map((name) => ({ name, nr: syscallNumber(abi, name) ?? -1 }))
      .filter(({ nr }) => nr < 512)
    const newest = numbers.reduce((a, b) => (b.nr > a.nr ? b : a))
    t.ok(named.has(newest.name), `${abi}: the newest known call ${newest.name} is named`)
  }
  const old = [{ name: 'runc', version: '1.0.3' }]
  t.equal(commonAction(old, 'SCMP_ACT_KILL_PROCESS'), 'SCMP_ACT_KILL')
  t.equal(
    commonAction([{ name: 'runc', version: '1.1.5' }], 'SCMP_ACT_KILL_PROCESS'),
    'SCMP_ACT_KILL_PROCESS'
  )
  t.equal(
    commonAction([{ name: 'runc', version: '' }], 'SCMP_ACT_KILL_PROCESS'),
    'SCMP_ACT_KILL',
    'a version that nobody knows may be an old one'
  )
  t.equal(
    commonAction([{ name: 'containerd', version: '' }], 'SCMP_ACT_KILL_PROCESS'),
    'SCMP_ACT_KILL_PROCESS',
    'it loads no filter itself'
  )
  const killing = profileOf({ seccomp: { defaultAction: 'SCMP_ACT_KILL_PROCESS' } })
  const common = renderProfile(killing, { ...enforce, runtimes: old }).seccomp.defaultAction
  t.equal(common, 'SCMP_ACT_KILL', 'the word that the whole fleet takes')
  t.equal(newestNumber('2.5.4'), 450)
  t.equal(newestNumber('2.4.1'), undefined)
  t.equal(newestNumber('2.6.0'), 466)
  t.end()
})

test('who, when and why', (t) => {
  const seen = (id: string, node: string, names: string[], day: number) => ({
    id,
    node,
    complete: true,
    ended: true,
    firstSeen: `2026-01-0${day}T00:00:00Z`,
    lastSeen: `2026-01-0${day + 1}T00:00:00Z`,
    observed: { x86_64: toBitmap('x86_64', names) }
  })
  const profile = approveObserved(
    profileOf(
      {},
      {
        observed: { x86_64: ['accept4', 'read'] },
        instances: [
          seen('a', 'n1', ['read'], 1),
          seen('b', 'n2', ['read', 'accept4'], 3),
          seen('c', 'n1', [], 5)
        ]
      }
    ),
    { by: 'ann', at: '2026-02-01T00:00:00Z', reason: 'reviewed' }
  )
  const { reasons, provenance } = renderProfile(profile, enforce)
  t.same(reasons['accept4'], [
    {
      kind: 'observed',
      text: 'x86_64, in 1 instance, last 2026-01-04T00:00:00Z',
      by: 'n2',
      at: '2026-01-03T00:00:00Z'
    },
    { kind: 'person', text: 'reviewed', by: 'ann', at: '2026-02-01T00:00:00Z' }
  ])
  t.match(reasons['read']?.[0], { by: 'n1, n2', at: '2026-01-01T00:00:00Z', text: /2 instances/ })
  t.match(reasons['accept'], [{ kind: 'family', text: /^accept4: / }])
  t.match(provenance['accept'], [/^family of accept4/])
  t.match(provenance['rseq'], [/^ENOSYS/])
  t.end()
})

const learned = (name: string, index: number, values: number[], more = {}) => ({
  abi: 'x86_64' as const,
  name,
  index,
  values: values.map(String),
  ...more
})

test('learned arguments become conditions', (t) => {
  const runtimes = [{ name: 'runc', version: '1.1.5' }]
  const profile = profileOf(
    { learn: { arguments: ['clone'] } },
    {
      observed: { x86_64: ['clone', 'connect', 'ioctl', 'personality', 'read', 'socket'] },
      arguments: [
        learned('socket', 0, [1, 2, 38]),
        learned('socket', 1, [1]),
        learned('socket', 2, [0, 6]),
        learned('clone', 0, [0]),
        learned('ioctl', 1, [21505, 0x80045430]),
        learned('personality', 0, [0xffffffff])
      ]
    }
  )
  const approve = (from: SeccompProfile, calls: string[]) =>
    approveObserved(from, { by: 'ann', at: 'now', arguments: calls })
  const one = approve(profile, ['default', 'ioctl'])
  validateObject(one, 'approved')
  for (const mode of modes) {
    const { seccomp, reasons } = renderProfile(one, { mode, resolve: nothing, runtimes })
    const silent = (name: string, ...call: number[]) =>
      rulesOf(seccomp).some(
        (rule) =>
          rule.name === name &&
          rule.action === 'SCMP_ACT_ALLOW' &&
          holds(rule.args ?? [], call.map(BigInt))
      )
    for (const [name, call, expected] of [
      ['socket', [2, 1, 0], true],
      ['socket', [1, 1 + 0o2004000, 6], true],
      // Where several arguments decide, audit tells families apart and not what is asked within one.
      ['socket', [2, 2, 0], mode === 'audit'],
      ['socket', [16, 1, 0], false],
      ['socket', [38, 1, 0], false],
      ['clone', [0x1200011], true],
      ['clone', [0x10000011], false],
      ['ioctl', [0, 21505], true],
      ['ioctl', [0, 0x80045430], true],
      ['ioctl', [0, 5], mode === 'audit'],
      ['clone', [0x11], true],
      ['personality', [0xffffffff], true],
      ['personality', [0], false],
      ['read', [1], true],
      ['vfork', [], true]
    ] as const) {
      t.equal(silent(name, ...call), expected, `${mode}: ${name} ${call.join()}`)
    }
    t.equal(passes(seccomp, 'socket', [38n, 1n, 0n]), false, `${mode}: AF_ALG`)
    t.equal(passes(seccomp, 'socket', [16n, 3n, 0n]), mode === 'audit', 'audit only logs')
    t.notOk(reasons['socket']?.some(({ text }) => text === 'beyond RuntimeDefault'))
  }
  t.ok(
    passes(renderProfile(one, { ...enforce, runtimes }).seccomp, 'ioctl', [
      0n,
      0xffffffff80045430n
    ]),
    'sign-extended, as musl does'
  )
  const prctl = { index: 0, op: 'SCMP_CMP_EQ' as const, value: 99 }
  const limited = profileOf({
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: ['exit_group', 'prctl'], action: 'SCMP_ACT_ALLOW', args: [prctl] }]
    }
  })
  const starts = renderProfile(limited, { ...enforce, runtimes }).seccomp
  t.ok(passes(starts, 'exit_group', [0n]), 'what every container needs is let through whole')
  t.ok(passes(starts, 'prctl', [8n]) && passes(starts, 'prctl', [99n]), "the runtime's own options")
  t.notOk(passes(starts, 'prctl', [31n]), 'and no others')
  t.same(planArguments(profile, 'socket').refused, ['38/1/0', '38/1/6'])
  t.same(one.spec.learn?.arguments?.includes('socket'), true, 'the next approval does the same')
  t.equal(approve(one, []), one, 'nothing new')
  const more = {
    ...one,
    status: {
      ...one.status,
      arguments: [...(one.status?.arguments ?? []), learned('socket', 0, [10])]
    }
  }
  const two = renderProfile(approve(more, []), enforce).seccomp
  t.ok(passes(two, 'socket', [10n, 1n, 0n]), 'new values come with the next approval')
  t.ok(passes(two, 'socket', [2n, 1n, 6n]), 'and those before stay')
  const many = profileOf(
    { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' }, learn: { arguments: ['ioctl', 'read'] } },
    {
      observed: { x86_64: ['clone3', 'io_uring_enter', 'ioctl', 'read'], i386: ['socketcall'] },
      arguments: [learned('ioctl', 1, [1, 2], { many: true })]
    }
  )
  const rules = approve(many, []).spec.seccomp?.syscalls
  t.match(
    rules,
    [{ names: ['clone3', 'io_uring_enter', 'ioctl', 'read', 'socketcall'] }],
    'by name'
  )
  const limits = limitsOf(many, { libseccomp: '2.5.4' })
  for (const subject of ['clone3', 'io_uring_enter', 'ioctl', 'read', 'socketcall']) {
    t.ok(
      limits.some((limit) => limit.subject === subject),
      `says what cannot be filtered: ${subject}`
    )
  }
  t.ok(limitsOf(one).some(({ subject }) => subject === 'connect'))
  t.ok(
    limitsOf(allowing(['cachestat']), { libseccomp: '2.5.4' }).some(({ reason }) =>
      /2\.5\.4/.test(reason)
    )
  )
  t.end()
})

test('the emergency overlay', (t) => {
  const wide = profileOf({
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [
        {
          names: ['bpf', 'clone', 'read', 'socket', 'socketcall', 'socketpair'],
          action: 'SCMP_ACT_ALLOW'
        },
        {
          names: ['socket'],
          action: 'SCMP_ACT_ALLOW',
          args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 38 }]
        },
        {
          names: ['unshare'],
          action: 'SCMP_ACT_ALLOW',
          args: [{ index: 1, op: 'SCMP_CMP_EQ', value: 0 }]
        }
      ]
    }
  })
  const before = renderProfile(wide, enforce).seccomp
  t.ok(passes(before, 'socket', [38n]), 'a person allowed it')
  let blocked = emptyOverlay()
  const decision = { by: 'ops', at: '2026-05-01T00:00:00Z', reason: '' }
  for (const { name } of emergencyTemplates) {
    const block = parseBlock(name)
    blocked = withBlock(blocked, block, { ...decision, reason: block.reason }, false)
    t.equal(withBlock(blocked, block, decision, false), blocked, `${name}: twice is once`)
    t.same(needed(block), [], `${name} takes nothing that containers need`)
  }
  validateObject(blocked, 'overlay')
  const resolve: Resolve = (_, name) => (name === 'emergency' ? blocked : undefined)
  for (const mode of modes) {
    const { seccomp, reasons } = renderProfile(wide, { mode, resolve })
    const says = (name: string, ...call: bigint[]) => passes(seccomp, name, call)
    for (const family of [17n, 38n, 40n]) {
      t.notOk(says('socket', family), `${mode}: socket ${family}`)
      t.notOk(says('socket', family + 2n ** 32n), `${mode}: the kernel drops the upper half`)
    }
    t.notOk(says('socketpair', 38n + 2n ** 32n))
    t.ok(says('socketpair', 1n))
    t.ok(says('socket', 2n, 1n, 0n) && says('socket', 16n, 3n, 0n), 'others stay')
    t.notOk(says('socket', 16n, 3n, 12n), 'netlink of the packet filter')
    for (const name of ['bpf', 'socketcall', 'splice', 'ptrace', 'keyctl'])
      t.notOk(says(name), name)
    t.notOk(says('unshare', 0x10000000n, 0n))
    t.ok(says('clone', 17n))
    t.match(reasons['bpf'], [{ kind: 'emergency', by: 'ops', text: /CVE-2022-23222/ }])
    t.ok(reasons['socket']?.some(({ kind }) => kind === 'emergency'))
  }
  for (const { name } of emergencyTemplates) {
    blocked = withBlock(blocked, parseBlock(name), decision, true)
  }
  t.equal(renderProfile(wide, { ...enforce, resolve }).json, renderProfile(wide, enforce).json)

  t.same(needed(parseBlock('execve')), ['execve'])
  t.same(parseBlock('socket:domain=AF_ALG,type=5').rules[0]?.args, [
    { index: 0, op: 'SCMP_CMP_EQ', value: 38 },
    { index: 1, op: 'SCMP_CMP_EQ', value: 5 }
  ])
  for (const text of [
    'nope',
    'socket:',
    'socket:x=1',
    'socket:0=',
    'socket:0=1,0=2',
    'read:9=1',
    'socket:0=1e9'
  ]) {
    t.equal(
      codeOf(() => parseBlock(text)),
      'INVALID_ARGUMENT',
      text
    )
  }
  const opening = {
    ...emptyOverlay(),
    spec: {
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO' as const,
        syscalls: [{ names: ['bpf'], action: 'SCMP_ACT_ALLOW' as const }]
      }
    }
  }
  t.equal(
    codeOf(() => validateObject(opening, 'x')),
    'INVALID_DOCUMENT',
    'it lets nothing through'
  )
  t.equal(emergencyOf(opening).refusals.size, 0)
  const killing = renderProfile(allowing(['read']), {
    ...enforce,
    resolve: overlay([{ names: ['read'], action: 'SCMP_ACT_KILL_PROCESS' }])
  }).seccomp
  t.match(
    rulesOf(killing).find(({ name }) => name === 'read'),
    { action: 'SCMP_ACT_KILL_PROCESS' }
  )
  t.end()
})

test('shipped profiles', (t) => {
  const floor = runtimeDefaultNames()
  t.same(builtinProfiles.map(({ metadata }) => metadata.name).sort(), [
    'base',
    'glibc',
    'go',
    'jvm',
    'musl',
    'nodejs',
    'python',
    'static-binary'
  ])
  for (const profile of builtinProfiles) {
    const { name } = profile.metadata
    validateObject(profile, name)
    const names = curatedNames(name)
    t.ok(names.size > 20, `${name}: ${names.size} names`)
    t.same(
      [...names].filter((each) => !floor.has(each)),
      [],
      `${name} is within RuntimeDefault`
    )
    const extending = profileOf({ extends: [`secco-system/${name}`] })
    const { seccomp, reasons } = renderProfile(extending, enforce)
    for (const each of names) t.ok(rulesOf(seccomp).some((rule) => rule.name === each))
    t.ok(
      Object.values(reasons)
        .flat()
        .some(({ by }) => by === `secco-system/${name}`)
    )
  }
  for (const { source, description } of curated) t.ok(source !== '' && description !== '')
  const own = { ...allowing(['bpf']), metadata: { namespace: 'secco-system', name: 'go' } }
  const resolve: Resolve = (_, name) => (name === 'go' ? own : undefined)
  const replaced = renderProfile(profileOf({ extends: ['secco-system/go'] }), {
    ...enforce,
    resolve
  })
  t.ok(passes(replaced.seccomp, 'bpf', []), "the store's own takes its place")
  t.equal(
    codeOf(() => renderProfile(profileOf({ extends: ['go'] }), enforce)),
    'NOT_FOUND'
  )
  t.end()
})

test('laws of rendering', { timeout: 120_000 }, (t) => {
  const law = (property: fc.IRawProperty<unknown>, what: string, numRuns: number) =>
    t.doesNotThrow(() => fc.assert(property as fc.IProperty<unknown>, { numRuns }), what)
  const someNames = fc.uniqueArray(fc.constantFrom(...knownSyscalls), { maxLength: 40 })
  const floor = runtimeDefault()
  const base = baseNames([])
  const mode = fc.constantFrom(...modes)
  law(
    fc.property(randomProfile, mode, callArguments, (profile, one, call) => {
      const rendered = tryRender(profile, one)
      if (rendered === undefined) return true
      const own = rulesOf(profile.spec.seccomp ?? floor)
      const said = (name: string) =>
        own.filter((r) => r.name === name && r.action === 'SCMP_ACT_ALLOW')
      const widened = widen(
        own.filter((r) => r.action === 'SCMP_ACT_ALLOW').map(({ name }) => name)
      )
      return [...new Set(rulesOf(rendered.seccomp).map(({ name }) => name))].every((name) => {
        if (!passes(rendered.seccomp, name, call)) return true
        if (one === 'audit' && passes(floor, name, call)) return true
        const byPerson = said(name).some(({ args }) => holds(args ?? [], call))
        return byPerson || ((base.has(name) || widened.has(name)) && passes(floor, name, call))
      })
    }),
    'never wider than approved ∪ base ∪ families; those within RuntimeDefault',
    100
  )
  law(
    fc.property(someNames, someNames, mode, callArguments, (less, extra, one, call) => {
      const small = renderProfile(allowing(less), { mode: one, resolve: nothing }).seccomp
      const large = renderProfile(allowing([...new Set([...less, ...extra])]), {
        mode: one,
        resolve: nothing
      })
      return knownSyscalls.every(
        (name) => !passes(small, name, call) || passes(large.seccomp, name, call)
      )
    }),
    'monotone: more approved, nothing less let through',
    30
  )
  law(
    fc.property(
      randomProfile,
      randomRefusals,
      mode,
      callArguments,
      (profile, refusals, one, call) => {
        const rendered = tryRender(profile, one, overlay(refusals))
        if (rendered === undefined) return true
        return refusals.every((rule) =>
          rule.names.every(
            (name) => !holds(rule.args ?? [], call) || !passes(rendered.seccomp, name, call)
          )
        )
      }
    ),
    'the emergency always wins, names and arguments',
    200
  )
  law(
    fc.property(randomProfile, randomRefusals, mode, (profile, refusals, one) => {
      const twice = [1, 2].map(() => tryRender(profile, one, overlay(refusals))?.json)
      const back = parseDocument(serializeDocument(profile), 'x') as SeccompProfile
      return twice[0] === twice[1] && tryRender(back, one, overlay(refusals))?.json === twice[0]
    }),
    'deterministic, and parse ∘ serialize changes nothing',
    50
  )
  t.end()
})
