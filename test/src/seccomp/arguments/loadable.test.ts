import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import type {
  LinuxSeccomp,
  SeccompArg,
  SeccompSyscall
} from '../../../../src/api/seccomp-profile.js'
import {
  type Conditions,
  conditionHolds
} from '../../../../src/seccomp/arguments/argument-rules.js'
import { parseBlock } from '../../../../src/seccomp/render/block.js'
import { emergencyTemplates } from '../../../../src/seccomp/data/emergency-templates.js'
import { answersOf } from '../../../../src/seccomp/filter/filter-answers.js'
import { lintSeccomp } from '../../../../src/seccomp/lint/lint.js'
import { isLoadable, loadable } from '../../../../src/seccomp/arguments/loadable.js'
import { rulesOf } from '../../../../src/seccomp/policy/normal-form.js'
import { askFilter, compileOracle } from '../../../helpers/filter-oracle.js'
import {
  callArguments,
  conditions,
  overlayOf,
  randomProfile,
  randomDenials,
  tryRender
} from '../../../helpers/random-profile.js'
import { runs } from '../../../helpers/fuzz.js'
import { matchLists } from '../../../helpers/match-lists.js'

const anyHolds = (alternatives: readonly Conditions[], call: readonly bigint[]) =>
  alternatives.some((args) => args.every((arg) => conditionHolds(arg, call[arg.index] ?? 0n)))

const on = (index: number, op: string, value: number, valueTwo?: number): SeccompArg => ({
  index,
  op: `SCMP_CMP_${op}` as SeccompArg['op'],
  value,
  ...(valueTwo === undefined ? {} : { valueTwo })
})

const allow = (names: string[], args?: SeccompArg[]): SeccompSyscall => ({
  names,
  action: 'SCMP_ACT_ALLOW',
  ...(args === undefined ? {} : { args })
})

const profileOf = (syscalls: SeccompSyscall[], more: Partial<LinuxSeccomp> = {}) => ({
  apiVersion: 'secco.dev/v1alpha1' as const,
  kind: 'SeccompProfile' as const,
  metadata: { namespace: 'shop', name: 'app' },
  spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' as const, syscalls, ...more } }
})

/** Each was built wrongly by libseccomp 2.5.4 as it stands: what it allowed besides, or left out. */
const misbuilt: readonly (readonly [string, SeccompArg[][]])[] = [
  [
    'wider: a range before another argument',
    [[on(0, 'GT', 9)], [on(0, 'LT', 21505), on(1, 'LE', 0xffffffff)]]
  ],
  [
    'narrower: one value excepted, before another argument',
    [
      [on(0, 'NE', 0xffffffff), on(1, 'EQ', 15)],
      [on(0, 'EQ', 46), on(2, 'MASKED_EQ', 27, 0)]
    ]
  ],
  [
    'narrower: a limit before another argument',
    [[on(0, 'LT', 31), on(2, 'GT', 21505)], [on(1, 'GE', 21505)], [on(0, 'LE', 58)]]
  ]
]

test('alternatives in the form that libseccomp builds right', (t) => {
  const law = (property: fc.IRawProperty<unknown>, what: string) =>
    t.doesNotThrow(() => fc.assert(property as fc.IProperty<unknown>, { numRuns: runs(500) }), what)
  const lists = fc.array(conditions, { maxLength: 6 })
  law(
    fc.property(lists, fc.boolean(), callArguments, (list, beside, call) => {
      const { left, exact } = loadable(list, { beside })
      const [got, wanted] = [anyHolds(left, call), anyHolds(list, call)]
      return isLoadable(left) && (exact ? got === wanted : !got || wanted)
    }),
    'exact, or narrower and said so; never wider'
  )
  law(
    fc.property(lists, (list) => {
      const text = (some: readonly Conditions[]) => some.map((args) => JSON.stringify(args)).sort()
      const back = loadable([...list].reverse()).left
      return JSON.stringify(text(loadable(list).left)) === JSON.stringify(text(back))
    }),
    'in any order'
  )
  law(
    fc.property(lists, callArguments, (list, call) => {
      const { left } = loadable(list, { in32Bits: true })
      // What libseccomp compares for a 32-bit program.
      const half = left.map((args) =>
        args.map(({ value, valueTwo, ...arg }) => ({
          ...arg,
          value: Number(BigInt(value) & 0xffffffffn),
          ...(valueTwo === undefined ? {} : { valueTwo: Number(BigInt(valueTwo) & 0xffffffffn) })
        }))
      )
      const short = call.map((value) => value & 0xffffffffn)
      return !anyHolds(half, short) || anyHolds(list, short)
    }),
    'never wider in 32 bits'
  )
  const twice = [[on(0, 'LT', 10)], [on(0, 'LE', 9)]]
  t.same(loadable(twice), loadable([...twice].reverse()), 'two ways to say one thing')
  for (const [what, list] of misbuilt) t.notOk(isLoadable(list), what)
  t.same(loadable([[on(0, 'EQ', 2 ** 33)]], { in32Bits: true }), { left: [], exact: false })
  t.ok(isLoadable([[on(0, 'LT', 65536), on(1, 'EQ', 1)]]), 'one rule alone is built right')
  t.end()
})

test('what is left out is said', (t) => {
  const rules = [
    allow(['mincore'], [on(0, 'LT', 65536), on(1, 'EQ', 1)]),
    allow(['mincore'], [on(1, 'EQ', 2)])
  ]
  const rendered = tryRender(profileOf(rules), 'enforce')
  const answers = answersOf(rendered?.seccomp ?? { defaultAction: 'SCMP_ACT_ALLOW' })
  t.ok(answers.passes('mincore', [0n, 2n]), 'what can be said is allowed')
  t.notOk(answers.passes('mincore', [1n, 1n]), 'the rest is denied, and not guessed')
  t.match(rendered?.provenance['mincore']?.join(), /filter: some approved arguments are denied/)

  // Answers that cannot stand beside what is allowed: the default one.
  const killed = tryRender(
    profileOf([allow(['read'])]),
    'enforce',
    overlayOf([
      { names: ['read'], action: 'SCMP_ACT_KILL_PROCESS', args: [on(1, 'LE', 41), on(0, 'GT', 1)] }
    ])
  )
  t.notOk(answersOf(killed?.seccomp ?? rulesless).passes('read', [2n, 3n]))
  t.match(killed?.provenance['read']?.join(), /gets the default answer/)
  t.end()
})
const rulesless: LinuxSeccomp = { defaultAction: 'SCMP_ACT_ALLOW' }

test('a block of many values leaves the others', (t) => {
  // One bit at a time this would be 32 rules for each family: too many, and every socket was denied.
  const resolve = overlayOf(parseBlock('socket:protocol=132').rules)
  const rendered = tryRender(profileOf([allow(['socket'])]), 'enforce', resolve)
  const answers = answersOf(rendered?.seccomp ?? rulesless)
  t.ok(answers.passes('socket', [2n, 1n, 6n]), 'TCP stays')
  for (const protocol of [132n, 132n + 2n ** 32n]) {
    t.notOk(answers.passes('socket', [2n, 1n, protocol]), `SCTP ${protocol}`)
  }
  t.match(
    rendered?.provenance['socket']?.join(),
    /others that filters cannot distinguish from them/
  )
  t.end()
})

test('lint says what is built wrongly, and what base misses', (t) => {
  const says = (seccomp: LinuxSeccomp, use: 'oci' | 'spec') =>
    lintSeccomp(seccomp, use)
      .filter(({ rule }) => /misbuilt|partly/.test(rule))
      .map(({ rule, subject, severity }) => `${severity} ${rule} ${subject}`)
  const spec = (syscalls: SeccompSyscall[]) => profileOf(syscalls).spec.seccomp
  for (const [what, list] of misbuilt) {
    const rules = spec(list.map((args) => allow(['mincore'], args)))
    t.same(says(rules, 'oci'), ['error misbuilt-arguments mincore'], what)
    const rendered = tryRender(profileOf(rules.syscalls), 'enforce')
    t.same(says(rendered?.seccomp ?? rulesless, 'oci'), [], `rendered: ${what}`)
    const left = says(rules, 'spec')
    const said = rendered?.provenance['mincore']?.join().includes('filter:') === true
    t.equal(left.length === 1, said, `a spec: ${what}`)
  }
  const deny = (names: string[], args: SeccompArg[]): SeccompSyscall => ({
    names,
    action: 'SCMP_ACT_ERRNO',
    errnoRet: 13,
    args
  })
  const partly = spec([allow(['read']), deny(['futex', 'prctl', 'bind'], [on(1, 'EQ', 1)])])
  t.same(says(partly, 'spec'), ['warning base-partly-denied futex'])
  t.end()
})

test('libseccomp builds what is rendered', { timeout: 240_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-oracle-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const program = await compileOracle(folder)
  for (const [what, list] of misbuilt) {
    const asIs = { ...rulesless, defaultAction: 'SCMP_ACT_ERRNO' as const }
    const rules = (some: readonly Conditions[]) => some.map((args) => allow(['read'], [...args]))
    const architectures = ['SCMP_ARCH_X86_64'] as const
    const raw = await askFilter(program, {
      ...{ ...asIs, architectures: [...architectures], syscalls: rules(list) }
    })
    t.ok(raw.wider.length + raw.narrower.length > 0, `as it stands: ${what}`)
    const { left } = loadable(list)
    const built = await askFilter(program, {
      ...{ ...asIs, architectures: [...architectures], syscalls: rules(left) }
    })
    t.same([built.denied, built.wider, built.narrower], [undefined, [], []], `not so: ${what}`)
  }
  let asked = 0
  const check = async (label: string, seccomp: LinuxSeccomp) => {
    const report = await askFilter(program, seccomp)
    asked += report.asked
    const bad = [report.denied, report.wider[0], report.narrower[0]]
    if (bad.some((each) => each !== undefined))
      t.same(bad, [undefined, undefined, undefined], label)
  }
  const everyTemplate = emergencyTemplates.flatMap(({ name }) => parseBlock(name).rules)
  const wide = profileOf([allow(['bind', 'clone', 'read', 'socket', 'socketpair', 'unshare'])], {
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']
  })
  const samples = fc.sample(fc.record({ profile: randomProfile, denials: randomDenials }), {
    numRuns: runs(8),
    seed: 1
  })
  for (const mode of ['audit', 'enforce'] as const) {
    const all = tryRender(wide, mode, overlayOf(everyTemplate))
    await check(`${mode}: every template`, all?.seccomp ?? rulesless)
    for (const [at, { profile, denials }] of samples.entries()) {
      const rendered = tryRender(profile, mode, overlayOf(denials))
      if (rendered !== undefined) await check(`${mode}: sample ${at}`, rendered.seccomp)
    }
  }
  t.ok(asked > 10_000, `${asked} calls were answered as the rules say`)
})

test('i386 asks for sockets through a multiplexer', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secco-mux-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const both: Partial<LinuxSeccomp> = { architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'] }
  const sockets = profileOf([allow(['bind', 'socket'])], both)
  const asRendered = (mode: 'audit' | 'enforce', resolve = overlayOf([])) =>
    rulesOf(tryRender(sockets, mode, resolve)?.seccomp ?? rulesless).filter(
      ({ name }) => name === 'socketcall'
    )
  // libseccomp makes `socketcall(SYS_SOCKET, …)` of `socket` of one family, for any family.
  matchLists(
    t,
    asRendered('enforce'),
    [{ action: 'SCMP_ACT_ERRNO', errnoRet: 38 }],
    'was not approved'
  )
  const block = overlayOf(parseBlock('af-alg').rules)
  for (const mode of ['audit', 'enforce'] as const) {
    matchLists(
      t,
      asRendered(mode, block),
      [{ action: 'SCMP_ACT_ERRNO', errnoRet: 38 }],
      `${mode}: taken out`
    )
  }
  matchLists(t, asRendered('audit'), [{ action: 'SCMP_ACT_LOG' }], 'RuntimeDefault has it')
  t.end()
})
