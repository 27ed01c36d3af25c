import { test } from 'tap'
import { compileFilter } from '../../../../native/trial-load.js'
import { describeMisleading, misleadingRules } from '../../../../src/api/misleading-rules.js'
import type {
  LinuxSeccomp,
  SeccompArg,
  SeccompSyscall
} from '../../../../src/api/seccomp-profile.js'
import {
  archOf,
  dataWords,
  parseFilter,
  readAnswer,
  runFilter
} from '../../../../src/seccomp/filter/cbpf.js'
import { emergencyTemplates } from '../../../../src/seccomp/data/emergency-templates.js'
import { emergencyLabel } from '../../../../src/seccomp/render/emergency.js'
import { answersOf } from '../../../../src/seccomp/filter/filter-answers.js'
import { importSources } from '../../../../src/seccomp/import/import.js'
import { lintRaw } from '../../../../src/seccomp/lint/lint-raw.js'
import { lintSeccomp } from '../../../../src/seccomp/lint/lint.js'
import { parseDocument } from '../../../../src/api/parse.js'
import {
  namesBeyond,
  passSetOf,
  runtimeDefaultPassSet
} from '../../../../src/seccomp/filter/pass-set.js'
import { renderLearn, renderProfile } from '../../../../src/seccomp/render/render.js'
import { runtimeDefault } from '../../../../src/seccomp/policy/runtime-default.js'
import { syscallNumber } from '../../../../src/syscalls/syscall-table.js'
import { testSeccompProfile } from '../../../helpers/misleading.js'

const { arg, attack, cloneNewUser, allow, denying, profileOf } = testSeccompProfile

const table: [string, LinuxSeccomp, string[]][] = [
  ['one condition', denying(allow('clone', arg(0, 'SCMP_CMP_EQ', 1))), []],
  [
    'conditions on two arguments',
    denying(allow('socket', arg(0, 'SCMP_CMP_EQ', 1), arg(1, 'SCMP_CMP_NE', 2))),
    []
  ],
  [
    'two rules on one argument',
    denying(allow('socket', arg(0, 'SCMP_CMP_EQ', 1)), allow('socket', arg(0, 'SCMP_CMP_EQ', 2))),
    []
  ],
  ['errno 1', denying({ names: ['read'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }), []],
  ['no errno', denying({ names: ['read'], action: 'SCMP_ACT_ERRNO' }), []],
  ['errno 0 of a kill', denying({ names: ['read'], action: 'SCMP_ACT_KILL', errnoRet: 0 }), []],
  [
    'clone of any flags',
    attack,
    [
      'clone: has two conditions on argument 0 in one rule, and runtimes combine .* with OR; split it'
    ]
  ],
  [
    'a range',
    denying(allow('ioctl', arg(1, 'SCMP_CMP_GE', 5), arg(1, 'SCMP_CMP_LE', 9))),
    ['ioctl: .* argument 1']
  ],
  [
    'beside another argument',
    denying(
      allow('socket', arg(2, 'SCMP_CMP_EQ', 0), arg(0, 'SCMP_CMP_GE', 1), arg(0, 'SCMP_CMP_LE', 2))
    ),
    ['socket: .* argument 0']
  ],
  [
    'the same condition twice',
    denying(allow('socket', arg(0, 'SCMP_CMP_EQ', 1), arg(0, 'SCMP_CMP_EQ', 1))),
    ['socket: .* argument 0']
  ],
  [
    'a rejection',
    denying({
      names: ['socket', 'bind'],
      action: 'SCMP_ACT_ERRNO',
      args: [arg(0, 'SCMP_CMP_GE', 5), arg(0, 'SCMP_CMP_LE', 9)]
    }),
    ['socket, bind: .* argument 0']
  ],
  [
    'a faked success',
    denying({ names: ['setuid', 'setgid'], action: 'SCMP_ACT_ERRNO', errnoRet: 0 }),
    ['setuid, setgid: errno 0 does not report the denial']
  ],
  [
    'all of them faked',
    { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 0, syscalls: [allow('read')] },
    ['defaultAction: errno 0 does not report the denial']
  ],
  [
    'both in one rule',
    denying({
      names: ['socket'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: 0,
      args: [arg(0, 'SCMP_CMP_GE', 5), arg(0, 'SCMP_CMP_LE', 9)]
    }),
    ['socket: errno 0', 'socket: .* argument 0']
  ]
]

test('rules that do something else than they say are found wherever profiles come in', (t) => {
  for (const [what, seccomp, expected] of table) {
    const found = misleadingRules(seccomp).map(describeMisleading)
    t.equal(found.length, expected.length, what)
    expected.forEach((text, at) => t.match(found[at], new RegExp(`^${text}`), what))
    for (const [where, findings] of [
      ['a file', lintRaw(seccomp)],
      ['a document', lintRaw(profileOf(seccomp))],
      ['an object', lintSeccomp(seccomp)]
    ] as const) {
      const kinds = findings.filter(({ rule }) => /joined-arguments|faked-success/.test(rule))
      t.equal(kinds.length, expected.length, `${what}: linted as ${where}`)
      t.ok(kinds.every(({ severity }) => severity === 'error'))
    }
    const written = JSON.stringify(profileOf(seccomp))
    const render = () =>
      renderProfile(profileOf(seccomp), { mode: 'enforce', resolve: () => undefined })
    if (expected.length === 0) {
      t.ok(parseDocument(written, 'a.yaml'), `${what}: is accepted`)
      t.same(misleadingRules(render().seccomp), [], `${what}: is rendered`)
    } else {
      const rejected = { code: 'INVALID_DOCUMENT', message: new RegExp(expected[0] ?? '') }
      t.throws(() => parseDocument(written, 'a.yaml'), rejected, `${what}: is not accepted`)
      t.throws(render, rejected, `${what}: is not rendered`)
    }
    const { imported, losses } = importSources([
      { where: 'a.json', text: JSON.stringify(seccomp), words: 'a' }
    ])
    t.same(misleadingRules(imported[0]?.profile.spec.seccomp ?? denying()), [], `${what}: imported`)
    t.equal(losses.length > 0, expected.length > 0, `${what}: what an import changes is reported`)
  }
  t.end()
})

test('an emergency overlay that says so rejects more, never less', (t) => {
  const overlay = profileOf(
    denying(
      {
        names: ['socket'],
        action: 'SCMP_ACT_ERRNO',
        args: [arg(0, 'SCMP_CMP_GE', 17), arg(0, 'SCMP_CMP_LE', 20)]
      },
      { names: ['mincore'], action: 'SCMP_ACT_ERRNO', errnoRet: 0 }
    )
  )
  const profile = profileOf(denying(allow('socket'), allow('mincore'), allow('read')))
  for (const mode of ['enforce', 'audit'] as const) {
    const { seccomp } = renderProfile(profile, {
      mode,
      resolve: (namespace, name) =>
        `${namespace}/${name}` === emergencyLabel ? overlay : undefined
    })
    t.same(misleadingRules(seccomp), [], mode)
    const answers = answersOf(seccomp)
    for (const family of [17n, 18n, 20n])
      t.notOk(answers.passes('socket', [family]), `${mode}: ${family}`)
    t.notOk(answers.sometimes('mincore'), `${mode}: mincore`)
  }
  t.end()
})

test('no profile that comes with Secco has such a rule', (t) => {
  const all: [string, LinuxSeccomp][] = [
    ...['x86_64', 'aarch64'].flatMap((machine): [string, LinuxSeccomp][] => [
      [`RuntimeDefault on ${machine}`, runtimeDefault({ machine })],
      [
        `… with more capabilities`,
        runtimeDefault({ machine, capabilities: ['CAP_SYS_ADMIN', 'CAP_BPF'] })
      ],
      [`learn on ${machine}`, renderLearn(machine).seccomp]
    ]),
    ...emergencyTemplates.map(({ name, rules }): [string, LinuxSeccomp] => [
      name,
      denying(
        ...rules.map(
          ({ names, args = [] }): SeccompSyscall => ({
            names: [...names],
            action: 'SCMP_ACT_ERRNO',
            args: args.map((one) => ({ ...one }))
          })
        )
      )
    ])
  ]
  for (const [what, seccomp] of all) t.same(misleadingRules(seccomp), [], what)
  t.end()
})

test('what libseccomp builds of such rules is what the pass set says of them', async (t) => {
  const machine = archOf.x86_64
  const cases: [string, SeccompArg[], bigint[][]][] = [
    ['clone', attack.syscalls?.[0]?.args ?? [], [[0n], [cloneNewUser], [0x11n]]],
    [
      'socket',
      [arg(0, 'SCMP_CMP_GE', 5), arg(0, 'SCMP_CMP_LT', 3), arg(1, 'SCMP_CMP_EQ', 7)],
      [0n, 3n, 4n, 5n, 9n].flatMap((a) => [0n, 7n].map((b) => [a, b]))
    ],
    ['personality', [arg(0, 'SCMP_CMP_NE', 1), arg(0, 'SCMP_CMP_NE', 2)], [[1n], [2n], [3n]]]
  ]
  for (const [name, args, calls] of cases) {
    const seccomp = denying(allow(name, ...args))
    const built = await compileFilter(seccomp)
    if (built === undefined) throw new Error('libseccomp did not build it')
    const filter = parseFilter(built.bytes)
    for (const call of calls) {
      const nr = syscallNumber('x86_64', name) ?? -1
      const words = dataWords({ nr, arch: machine.arch, args: call })
      const passes = readAnswer(runFilter(filter, words)).action === 'SCMP_ACT_ALLOW'
      t.equal(
        answersOf(seccomp).passes(name, call),
        passes,
        `${name}(${call.join(', ')}): ${passes}`
      )
    }
    t.equal(passSetOf(seccomp).names.get(name)?.length, args.length, `${name}: alternatives`)
  }
  const clone = await compileFilter(attack)
  const words = dataWords({ nr: 56, arch: machine.arch, args: [cloneNewUser] })
  t.equal(
    readAnswer(runFilter(parseFilter(clone?.bytes ?? Buffer.alloc(0)), words)).action,
    'SCMP_ACT_ALLOW'
  )
  t.same(
    namesBeyond(passSetOf(attack), runtimeDefaultPassSet),
    ['clone'],
    'which RuntimeDefault rejects'
  )

  const faked = await compileFilter(
    denying({ names: ['setuid'], action: 'SCMP_ACT_ERRNO', errnoRet: 0 })
  )
  const setuid = dataWords({ nr: 105, arch: machine.arch })
  t.match(readAnswer(runFilter(parseFilter(faked?.bytes ?? Buffer.alloc(0)), setuid)), { errno: 0 })
})
