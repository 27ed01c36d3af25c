import fc from 'fast-check'
import { test } from 'tap'
import { validateObject } from '../../../src/api/validate.js'
import type { LearnedArgument } from '../../../src/api/evidence-schema.js'
import type { LinuxSeccomp, SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { runRender } from '../../../src/cli/render.js'
import { SeccoError } from '../../../src/errors.js'
import { abis } from '../../../src/seccomp/abi.js'
import { fromBitmap, toBitmap, unionBitmaps } from '../../../src/seccomp/bitmap.js'
import { learnedValues } from '../../../src/seccomp/learned-arguments.js'
import { mergeArguments, sameArguments } from '../../../src/seccomp/merge-arguments.js'
import { approveObserved, planApproval } from '../../../src/seccomp/approve.js'
import { conditionHolds } from '../../../src/seccomp/argument-rules.js'
import { baseNames } from '../../../src/seccomp/base.js'
import { canonicalJson } from '../../../src/seccomp/canonical.js'
import { deniedOf, isAllowed } from '../../../src/seccomp/denied.js'
import { diffAgainstObserved, diffSeccomp, isEmptyDiff } from '../../../src/seccomp/diff.js'
import { digestOf } from '../../../src/seccomp/digest.js'
import { widen } from '../../../src/seccomp/families.js'
import { lintSeccomp } from '../../../src/seccomp/lint.js'
import { mergeObserved } from '../../../src/seccomp/merge.js'
import { rulesOf } from '../../../src/seccomp/normal-form.js'
import {
  maxDocumentBytes,
  parseDocument,
  parseDocuments,
  parseProfileDocument,
  serializeDocument
} from '../../../src/seccomp/parse.js'
import { renderLearn, renderProfile } from '../../../src/seccomp/render.js'
import {
  runtimeDefault,
  runtimeDefaultNames,
  runtimeDefaultRules
} from '../../../src/seccomp/runtime-default.js'
import { riskOf } from '../../../src/seccomp/risk.js'
import { verdictsOf } from '../../../src/seccomp/verdict.js'
import { unionSets } from '../../../src/seccomp/syscall-set.js'
import {
  isKnownSyscall,
  knownSyscalls,
  syscallName,
  syscallNumber
} from '../../../src/seccomp/syscall-table.js'

const nothing = () => undefined
const enforce = { mode: 'enforce', resolve: nothing } as const
const audit = { mode: 'audit', resolve: nothing } as const

function profileOf(spec: SeccompProfile['spec'], name = 'app', namespace = 'shop'): SeccompProfile {
  const metadata = { name, namespace }
  return { apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata, spec }
}

function allowing(names: string[], more: LinuxSeccomp['syscalls'] = []): SeccompProfile {
  const syscalls = [
    ...(names.length > 0 ? [{ names, action: 'SCMP_ACT_ALLOW' as const }] : []),
    ...more
  ]
  return profileOf({ seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls } })
}

/** Resolves nothing but an emergency overlay with these rules. */
function overlay(syscalls: LinuxSeccomp['syscalls']) {
  const emergency = profileOf(
    {
      seccomp: { defaultAction: 'SCMP_ACT_ERRNO', ...(syscalls === undefined ? {} : { syscalls }) }
    },
    'emergency',
    'secco-system'
  )
  return (namespace: string, name: string) =>
    namespace === 'secco-system' && name === 'emergency' ? emergency : undefined
}

/** What a filter answers: alternatives of one name are joined by OR, as libseccomp does. */
function answer(seccomp: LinuxSeccomp, name: string, args: readonly bigint[]): string {
  const hit = rulesOf(seccomp).filter(
    (rule) =>
      rule.name === name &&
      (rule.args ?? []).every((arg) => conditionHolds(arg, args[arg.index] ?? 0n))
  )
  const actions = new Set(
    hit.map(({ action, errnoRet }) => (errnoRet === undefined ? action : `${action}/${errnoRet}`))
  )
  if (actions.has('SCMP_ACT_ALLOW')) return 'SCMP_ACT_ALLOW'
  return [...actions][0] ?? `${seccomp.defaultAction}/${seccomp.defaultErrnoRet ?? 1}`
}
const passes = (text: string) => text === 'SCMP_ACT_ALLOW' || text === 'SCMP_ACT_LOG'

function codeOf(run: () => unknown): { code: string; field: string | undefined; message: string } {
  try {
    run()
  } catch (error) {
    if (error instanceof SeccoError) return error
    throw error
  }
  return { code: 'none', field: undefined, message: '' }
}

test('syscall tables', (t) => {
  for (const [abi, nr, name] of [
    ['x86_64', 0, 'read'],
    ['x86_64', 466, 'removexattrat'],
    ['i386', 20, 'getpid'],
    ['i386', 102, 'socketcall'],
    ['x32', 512, 'rt_sigaction'],
    ['x32', 0x40000000 + 39, 'getpid'],
    ['aarch64', 79, 'newfstatat'],
    ['aarch64', 435, 'clone3'],
    ['x86_64', 9999, 'syscall_9999']
  ] as const) {
    t.equal(syscallName(abi, nr), name, `${abi} ${nr}`)
  }
  t.equal(syscallNumber('x86_64', 'openat'), 257)
  t.equal(syscallNumber('aarch64', 'open'), undefined)
  t.notOk(isKnownSyscall('syscall_9999'))
  t.ok(isKnownSyscall('socketcall'))
  t.end()
})

test('RuntimeDefault', (t) => {
  const names = runtimeDefaultNames()
  for (const name of ['read', 'chroot', 'socket', 'clone', 'arch_prctl'])
    t.ok(names.has(name), name)
  for (const name of ['mount', 'unshare', 'bpf', 'keyctl', 'clone3', 'io_uring_setup', 'setns']) {
    t.notOk(names.has(name), name)
  }
  const seccomp = runtimeDefault()
  t.equal(answer(seccomp, 'socket', [2n]), 'SCMP_ACT_ALLOW')
  for (const family of [38n, 40n]) t.equal(answer(seccomp, 'socket', [family]), 'SCMP_ACT_ERRNO/1')
  t.equal(answer(seccomp, 'clone3', []), 'SCMP_ACT_ERRNO/38')
  t.equal(answer(seccomp, 'clone', [0x10000000n]), 'SCMP_ACT_ERRNO/1', 'CLONE_NEWUSER')
  t.ok(runtimeDefaultNames({ capabilities: ['CAP_SYS_ADMIN'] }).has('mount'))
  t.notOk(runtimeDefaultNames({ capabilities: [] }).has('chroot'))
  t.same(renderLearn('x86_64').seccomp.architectures, [
    'SCMP_ARCH_X86_64',
    'SCMP_ARCH_X86',
    'SCMP_ARCH_X32'
  ])
  t.same(renderLearn('aarch64').seccomp.architectures, ['SCMP_ARCH_AARCH64'])
  t.end()
})

test('base and families', (t) => {
  const old = baseNames([{ name: 'runc', version: '1.1.5+ds1' }])
  t.notOk(old.has('statx'))
  t.ok(baseNames([{ name: 'runc', version: '1.3.3' }]).has('openat2'))
  t.ok(baseNames([{ name: 'runc', version: '' }]).has('statx'))
  t.ok(baseNames([{ name: 'containerd', version: '1.7.0' }]).has('setresuid'), 'which one? all')
  t.ok(
    baseNames([
      { name: 'youki', version: '1' },
      { name: 'runc', version: '1.1.5' }
    ]).has('setresuid')
  )
  const always = [
    'exit',
    'exit_group',
    'rt_sigreturn',
    'restart_syscall',
    'execve',
    'futex',
    'clock_gettime',
    'time'
  ]
  for (const name of always) {
    t.ok(old.get(name), name)
  }
  for (const name of baseNames([]).keys()) {
    t.ok(runtimeDefaultRules().get(name)?.length === 0, `${name} is plain in RuntimeDefault`)
  }
  t.match(widen(['open']).get('openat2'), /^open: /)
  t.ok(widen(['clone3']).has('clone'), 'what clone3 falls back to')
  t.same([...widen(['read', 'mount', 'socket'])], [])
  t.end()
})

test('enforce', (t) => {
  const { seccomp, json, digest, reasons, provenance } = renderProfile(
    allowing([
      'read',
      'socket',
      'clone',
      'clone3',
      'personality',
      'epoll_wait',
      'mount',
      'syscall_500'
    ]),
    enforce
  )
  const says = (name: string, ...args: number[]) => answer(seccomp, name, args.map(BigInt))
  for (const [name, args, expected] of [
    ['read', [], 'SCMP_ACT_ALLOW'],
    ['epoll_pwait2', [], 'SCMP_ACT_ALLOW'],
    ['mount', [], 'SCMP_ACT_ALLOW'],
    ['socket', [1], 'SCMP_ACT_ALLOW'],
    ['socket', [38], 'SCMP_ACT_ERRNO/1'],
    ['socket', [40], 'SCMP_ACT_ERRNO/1'],
    ['clone', [0x11], 'SCMP_ACT_ALLOW'],
    ['clone', [0x02000000], 'SCMP_ACT_ERRNO/1'],
    ['personality', [0xffffffff], 'SCMP_ACT_ALLOW'],
    ['personality', [0x40000], 'SCMP_ACT_ERRNO/1'],
    ['clone3', [], 'SCMP_ACT_ERRNO/38'],
    ['faccessat2', [], 'SCMP_ACT_ALLOW'],
    ['rseq', [], 'SCMP_ACT_ERRNO/38'],
    ['io_uring_setup', [], 'SCMP_ACT_ERRNO/38'],
    ['unshare', [], 'SCMP_ACT_ERRNO/1'],
    ['exit_group', [], 'SCMP_ACT_ALLOW']
  ] as const) {
    t.equal(says(name, ...args), expected, `${name} ${args.join()}`)
  }
  t.match(reasons['mount'], [
    { kind: 'person', text: 'spec.seccomp' },
    { kind: 'person', text: 'beyond RuntimeDefault' }
  ])
  t.match(reasons['exit'], [{ kind: 'base' }])
  t.match(provenance['exit'], [/^base: /])
  t.match(reasons['epoll_pwait2'], [{ kind: 'family', text: /^epoll_wait: / }])
  t.same(seccomp.architectures, ['SCMP_ARCH_X86_64'])
  t.notMatch(json, /syscall_500|flags|includes|excludes|archMap|listenerPath|comment/)
  t.equal(json, canonicalJson(seccomp))
  t.equal(digest, digestOf(json))
  t.notOk(json.endsWith('\n'))
  t.end()
})

test('what a person says is honoured', (t) => {
  const arg = (value: number, op = 'SCMP_CMP_EQ' as const) => [{ index: 0, value, op }]
  const { seccomp } = renderProfile(
    allowing(
      ['socket', 'chmod', 'getrandom', 'personality'],
      [
        { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: arg(40) },
        { names: ['socket'], action: 'SCMP_ACT_ERRNO', errnoRet: 97, args: arg(16) },
        { names: ['personality'], action: 'SCMP_ACT_ERRNO', args: arg(8) },
        { names: ['fchmod'], action: 'SCMP_ACT_KILL_PROCESS' },
        { names: ['setsockopt'], action: 'SCMP_ACT_ALLOW', args: arg(21505) },
        { names: ['sysinfo'], action: 'SCMP_ACT_LOG' },
        { names: ['getrandom'], action: 'SCMP_ACT_ERRNO', args: arg(7) }
      ]
    ),
    enforce
  )
  const says = (name: string, value: number) => answer(seccomp, name, [BigInt(value)])
  t.equal(says('socket', 40), 'SCMP_ACT_ALLOW', 'beyond RuntimeDefault, explicitly')
  t.equal(says('socket', 16), 'SCMP_ACT_ERRNO/97')
  t.equal(says('socket', 38), 'SCMP_ACT_ERRNO/1')
  t.equal(says('socket', 2), 'SCMP_ACT_ALLOW')
  t.equal(says('personality', 8), 'SCMP_ACT_ERRNO/1')
  t.equal(says('personality', 0), 'SCMP_ACT_ALLOW')
  t.equal(says('fchmod', 0), 'SCMP_ACT_KILL_PROCESS', 'against the family of chmod')
  t.equal(says('fchmodat', 0), 'SCMP_ACT_ALLOW')
  t.equal(says('setsockopt', 21505), 'SCMP_ACT_ALLOW')
  t.equal(says('setsockopt', 1), 'SCMP_ACT_ERRNO/1')
  t.equal(says('sysinfo', 0), 'SCMP_ACT_LOG')
  t.equal(says('getrandom', 7), 'SCMP_ACT_ERRNO/1')
  t.equal(says('getrandom', 1), 'SCMP_ACT_ALLOW')
  const allowAll = profileOf({ seccomp: { defaultAction: 'SCMP_ACT_ALLOW' } })
  const everything = renderProfile(allowAll, enforce).seccomp
  t.equal(answer(everything, 'mount', []), 'SCMP_ACT_ERRNO/1', 'allow-all is RuntimeDefault')
  t.equal(answer(everything, 'ptrace', []), 'SCMP_ACT_ALLOW')
  const denied = renderProfile(allowing(['read']), {
    ...enforce,
    resolve: overlay([{ names: ['read', 'futex'], action: 'SCMP_ACT_ERRNO' }])
  })
  t.equal(answer(denied.seccomp, 'read', []), 'SCMP_ACT_ERRNO/1')
  t.equal(answer(denied.seccomp, 'futex', []), 'SCMP_ACT_ERRNO/1')
  const twice = [...arg(1), ...arg(2)]
  const or = allowing([], [{ names: ['setsockopt'], action: 'SCMP_ACT_ALLOW', args: twice }])
  t.equal(codeOf(() => renderProfile(or, enforce)).code, 'INVALID_DOCUMENT')
  t.end()
})

test('extends', (t) => {
  const parents: Record<string, SeccompProfile> = {
    'shop/base': profileOf({ extends: ['secco-system/root'], ...allowing(['read']).spec }, 'base'),
    'secco-system/root': profileOf(allowing(['sysinfo']).spec, 'root', 'secco-system'),
    'shop/loop': profileOf({ extends: ['again'] }, 'loop'),
    'shop/again': profileOf({ extends: ['shop/loop'] }, 'again')
  }
  const options = { ...enforce, resolve: (ns: string, name: string) => parents[`${ns}/${name}`] }
  const render = (entries: string[]) => renderProfile(profileOf({ extends: entries }), options)
  t.same(render(['base']).reasons['sysinfo'], [
    { kind: 'extends', text: 'approved in a profile that it extends', by: 'shop/base' }
  ])
  t.equal(answer(render(['base']).seccomp, 'read', []), 'SCMP_ACT_ALLOW')
  t.match(
    codeOf(() => render(['missing'])),
    { code: 'NOT_FOUND', field: 'spec.extends[0]' }
  )
  t.match(
    codeOf(() => render(['loop'])),
    { code: 'EXTENDS_CYCLE', message: /loop → / }
  )
  t.equal(codeOf(() => render(['app'])).code, 'NOT_FOUND')
  t.equal(render(['base', 'secco-system/root']).json, render(['secco-system/root', 'base']).json)
  t.end()
})

test('audit', (t) => {
  const profile = allowing(
    ['read', 'clone3'],
    [
      {
        names: ['socket'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }]
      },
      {
        names: ['setsockopt'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 1, value: 9, op: 'SCMP_CMP_EQ' }]
      }
    ]
  )
  const { seccomp } = renderProfile(profile, audit)
  for (const [name, args, expected] of [
    ['read', [], 'SCMP_ACT_ALLOW'],
    ['sysinfo', [], 'SCMP_ACT_LOG'],
    ['socket', [1], 'SCMP_ACT_ALLOW'],
    ['socket', [2], 'SCMP_ACT_LOG'],
    ['socket', [38], 'SCMP_ACT_ERRNO/1'],
    ['setsockopt', [0, 9], 'SCMP_ACT_ALLOW'],
    ['setsockopt', [0, 8], 'SCMP_ACT_LOG'],
    ['mount', [], 'SCMP_ACT_ERRNO/1'],
    ['clone3', [], 'SCMP_ACT_ERRNO/38'],
    ['io_uring_setup', [], 'SCMP_ACT_ERRNO/1']
  ] as const) {
    t.equal(answer(seccomp, name, args.map(BigInt)), expected, `${name} ${args.join()}`)
  }
  t.equal(seccomp.architectures?.length, 3, 'every ABI')
  t.end()
})

test('merge, approval, diff', (t) => {
  const bare = profileOf({})
  const seen = mergeObserved(bare, { x86_64: ['read', 'syscall_500', 'mount'], i386: ['write'] })
  t.equal(mergeObserved(seen, { x86_64: ['read'] }), seen, 'nothing new: the same object')
  t.same(diffAgainstObserved(seen), {
    toApprove: ['mount', 'read', 'write'],
    beyondRuntimeDefault: ['mount'],
    cannotApprove: ['syscall_500'],
    neverObserved: []
  })
  const at = '2026-01-01T00:00:00Z'
  const options = { by: 'ann', at, digestOf: () => digestOf('x') }
  const approved = approveObserved(seen, options)
  t.same(approved.spec.seccomp?.syscalls, [
    { names: ['mount', 'read', 'write'], action: 'SCMP_ACT_ALLOW' }
  ])
  t.same(approved.spec.seccomp?.architectures, ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'])
  t.equal(approved.status?.approvals?.length, 1)
  t.equal(approveObserved(approved, { ...options, at: 'later' }), approved)
  t.same(planApproval(seen, { beyondRuntimeDefault: 'skip' }).skipped, [
    { name: 'mount', reason: 'RuntimeDefault refuses it' },
    { name: 'syscall_500', reason: 'no syscall table knows it' }
  ])
  const later = mergeObserved(approved, { x32: ['read'] })
  const abisOf = (profile: SeccompProfile) => renderProfile(profile, enforce).seccomp.architectures
  t.same(abisOf(later), abisOf(approved), 'a new ABI needs an approval too')
  validateObject(approved, 'approved')
  const before = renderProfile(seen, enforce).seccomp
  const after = renderProfile(approved, enforce).seccomp
  const diff = diffSeccomp(before, after)
  t.ok(diff.added.includes('mount'))
  t.same(diff.architectures, { added: [], removed: [] })
  t.ok(isEmptyDiff(diffSeccomp(after, after)))
  t.match(diffSeccomp({ defaultAction: 'SCMP_ACT_ALLOW' }, after).defaultChanged, {
    to: 'SCMP_ACT_ERRNO(1)'
  })
  t.end()
})

test('denied, lint, risk', (t) => {
  const { seccomp } = renderProfile(allowing(['socket']), enforce)
  const counts = { read: 5, socket: 3, clone3: 9, mount: 2, ptrace: 7, sysinfo: 0 }
  const action = 'SCMP_ACT_ERRNO'
  const refused = { abi: 'x86_64', kind: 'refused', action, errno: 1 }
  t.same(deniedOf({ x86_64: counts }, verdictsOf(seccomp, 'x86_64')), [
    { ...refused, syscall: 'clone3', kind: 'expected', errno: 38, count: 9 },
    { ...refused, syscall: 'ptrace', count: 7 },
    { ...refused, syscall: 'mount', count: 2 }
  ])
  const verdicts = verdictsOf(
    {
      defaultAction: 'SCMP_ACT_LOG',
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
      syscalls: [
        { names: ['read', 'socket'], action: 'SCMP_ACT_ALLOW' },
        { names: ['keyctl'], action: 'SCMP_ACT_KILL_PROCESS' },
        { names: ['statx', 'io_uring_setup'], action, errnoRet: 38 },
        {
          names: ['personality'],
          action: 'SCMP_ACT_ERRNO',
          args: [{ index: 0, op: 'SCMP_CMP_NE', value: 0 }]
        },
        {
          names: ['prctl'],
          action: 'SCMP_ACT_ALLOW',
          args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 1 }]
        }
      ]
    },
    'x86_64'
  )
  for (const [abi, name, expected] of [
    ['x86_64', 'read', { kind: 'allowed' }],
    ['x86_64', 'mount', { kind: 'logged', action: 'SCMP_ACT_LOG', errno: undefined }],
    ['x86_64', 'syscall_500', { kind: 'logged', action: 'SCMP_ACT_LOG', errno: undefined }],
    ['i386', 'keyctl', { kind: 'refused', action: 'SCMP_ACT_KILL_PROCESS', errno: undefined }],
    ['x86_64', 'statx', { kind: 'expected', action, errno: 38 }],
    ['x86_64', 'io_uring_setup', { kind: 'refused', action, errno: 38 }],
    ['x86_64', 'personality', { kind: 'conditional' }],
    ['x86_64', 'prctl', { kind: 'conditional' }],
    ['i386', 'socketcall', { kind: 'conditional' }],
    ['x32', 'read', { kind: 'refused', action: 'SCMP_ACT_KILL_THREAD', errno: undefined }]
  ] as const) {
    t.same(verdicts(abi, name), expected, `${abi} ${name}`)
  }
  const traced = { defaultAction: 'SCMP_ACT_TRACE' } as unknown as LinuxSeccomp
  t.same(verdictsOf(traced, 'x86_64')('x86_64', 'read'), { kind: 'conditional' })
  t.equal(isAllowed(seccomp, 'socket'), 'conditional')
  t.equal(isAllowed(seccomp, 'futex'), 'allowed')
  const rules = (s: LinuxSeccomp) => new Set(lintSeccomp(s).map((finding) => finding.rule))
  t.ok(rules({ defaultAction: 'SCMP_ACT_ALLOW' }).has('allow-all'))
  const bad = rules({
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 38,
    architectures: ['SCMP_ARCH_X86_64'],
    syscalls: [{ names: ['bpf', 'nonsense'], action: 'SCMP_ACT_ALLOW' }]
  })
  for (const rule of [
    'enosys-default',
    'missing-exit',
    'unknown-name',
    'dangerous',
    'i386-missing'
  ]) {
    t.ok(bad.has(rule), rule)
  }
  t.same(
    lintSeccomp(seccomp).filter((finding) => finding.severity !== 'note'),
    []
  )
  t.equal(riskOf('bpf')?.level, 'high')
  t.equal(riskOf('read'), undefined)
  t.end()
})

test('documents: what bad input gets', (t) => {
  const head = 'apiVersion: secco.dev/v1alpha1\nkind: SeccompProfile\n'
  const meta = `${head}metadata: {namespace: shop, name: app}\n`
  const rule =
    'apiVersion: secco.dev/v1alpha1\nkind: SeccompRule\nmetadata: {namespace: shop, name: r}\n'
  const syscall = (text: string) =>
    `${meta}spec: {seccomp: {defaultAction: SCMP_ACT_ERRNO, syscalls: [${text}]}}`
  const bomb = Array.from({ length: 12 }, (_, i) =>
    i === 0 ? 'a0: &a0 [x,x,x,x,x,x,x,x,x]' : `a${i}: &a${i} [${`*a${i - 1},`.repeat(9)}]`
  ).join('\n')
  for (const [text, code, message] of [
    ['', 'INVALID_DOCUMENT', /empty/],
    ['- a', 'INVALID_DOCUMENT', /mapping/],
    ['a: [', 'INVALID_DOCUMENT', /not YAML/],
    ['kind: Pod', 'INVALID_DOCUMENT', /kind: must be one of SeccompProfile, SeccompRule/],
    [`${meta}spec: {}\nkind: SeccompProfile`, 'INVALID_DOCUMENT', /unique/],
    [`${meta}spec: {}\n---\n${meta}spec: {}`, 'INVALID_DOCUMENT', /2 documents/],
    [
      `${meta}spec: {sekcomp: {}}`,
      'INVALID_DOCUMENT',
      /spec\.sekcomp: is not a known key; accepted: extends, workload, seccomp/
    ],
    [`${meta}spec: {seccomp: {}}`, 'INVALID_DOCUMENT', /spec\.seccomp\.defaultAction: is required/],
    [
      syscall('{names: [read], action: ALLOW}'),
      'INVALID_DOCUMENT',
      /spec\.seccomp\.syscalls\[0\]\.action: must be one of SCMP_ACT_ALLOW, /
    ],
    [
      syscall('{names: read, action: SCMP_ACT_ALLOW}'),
      'INVALID_DOCUMENT',
      /syscalls\[0\]\.names: must be array/
    ],
    [
      syscall(
        '{names: [read], action: SCMP_ACT_ALLOW, args: [{index: 0, op: SCMP_CMP_EQ, value: 18446744073709551615}]}'
      ),
      'INVALID_DOCUMENT',
      /value: must be at most/
    ],
    [
      syscall(
        '{names: [ioctl], action: SCMP_ACT_ALLOW, args: [{index: 0, op: SCMP_CMP_GT, value: 1}, {index: 0, op: SCMP_CMP_LT, value: 9}]}'
      ),
      'INVALID_DOCUMENT',
      /args\[1\]\.index/
    ],
    [`${meta}spec: {__proto__: {polluted: true}}`, 'INVALID_DOCUMENT', /__proto__/],
    [`${head}metadata: {name: ../../etc}\nspec: {}`, 'INVALID_NAME', /metadata\.name/],
    [`${head}metadata: {name: a..b}\nspec: {}`, 'INVALID_NAME', /metadata\.name/],
    [`${head}metadata: {name: a, namespace: a/b}\nspec: {}`, 'INVALID_NAME', /metadata\.namespace/],
    [`${meta}spec: {extends: [a/../b]}`, 'INVALID_NAME', /spec\.extends\[0\]/],
    [`${rule}spec: {mode: enforce}`, 'INVALID_DOCUMENT', /spec\.profile: is required/],
    [`${rule}spec: {mode: learn, namespaceSelector: {}}`, 'INVALID_DOCUMENT', /secco-system only/],
    [
      `${rule}spec: {mode: learn, podSelector: {matchExpressions: [{key: a, operator: In}]}}`,
      'INVALID_DOCUMENT',
      /values: is required/
    ],
    [bomb, 'INVALID_DOCUMENT', /alias/i],
    ['['.repeat(100_000), 'INVALID_DOCUMENT', /nested/],
    ['- '.repeat(200_000), 'INVALID_DOCUMENT', /./],
    [`# ${'x'.repeat(maxDocumentBytes)}`, 'TOO_LARGE', /1048576/]
  ] as const) {
    const thrown = codeOf(() => parseDocument(text, 'app.yaml'))
    t.equal(
      thrown.code,
      code,
      `${text.slice(0, 60).replaceAll('\n', ' ')}: ${thrown.message.slice(0, 120)}`
    )
    t.match(thrown.message, message)
    t.match(thrown.message, /^app\.yaml/)
  }
  t.notOk('polluted' in {})
  t.equal(parseDocuments(`${meta}spec: {}\n---\n---\n${rule}spec: {mode: learn}`, 'x').length, 2)
  t.equal(codeOf(() => parseProfileDocument(`${rule}spec: {mode: learn}`, 'x')).field, 'kind')
  const tricky = profileOf({ workload: { kind: 'on', name: '1_000', container: 'null' } })
  t.same(parseDocument(serializeDocument(tricky), 'x'), tricky)
  t.match(
    serializeDocument(tricky),
    /^apiVersion: .*\nkind: .*\nmetadata:\n {2}namespace: shop\n {2}name: app\n/
  )
  t.end()
})

test('secco render', async (t) => {
  const document = (name: string, spec: string) =>
    `apiVersion: secco.dev/v1alpha1\nkind: SeccompProfile\nmetadata: {namespace: shop, name: ${name}}\nspec: ${spec}\n`
  const files: Record<string, string> = {
    'app.yaml': document('app', '{extends: [parent]}'),
    'dir/shop/seccompprofiles/parent.yaml': document(
      'parent',
      '{seccomp: {defaultAction: SCMP_ACT_ERRNO, syscalls: [{names: [sysinfo], action: SCMP_ACT_ALLOW}]}}'
    )
  }
  const run = async (args: Parameters<typeof runRender>[0]) => {
    let [out, err] = ['', '']
    const code = await runRender(args, {
      stdout: (text) => (out += text),
      stderr: (text) => (err += text),
      readFile: (path) => {
        const text = files[path]
        if (text !== undefined) return Promise.resolve(text)
        return Promise.reject(Object.assign(new Error('no such file'), { code: 'ENOENT' }))
      }
    })
    return { code, out, err }
  }
  const done = await run({ file: 'app.yaml', resolveDir: 'dir', runtime: 'runc@1.1.5' })
  t.equal(done.code, 0)
  t.equal(answer(JSON.parse(done.out) as LinuxSeccomp, 'sysinfo', []), 'SCMP_ACT_ALLOW')
  t.match(await run({ file: 'app.yaml' }), {
    code: 1,
    out: '',
    err: /^error: .*\(NOT_FOUND\)\n {2}\S/
  })
  t.match(await run({ file: 'none.yaml' }), {
    code: 1,
    err: /none\.yaml does not exist \(NOT_FOUND\)/
  })
  t.match(await run({ file: 'app.yaml', runtime: 'runc' }), { code: 1, err: /INVALID_ARGUMENT/ })
})

test('laws', (t) => {
  const name = fc.constantFrom(...knownSyscalls)
  const names = fc.uniqueArray(name, { maxLength: 40 })
  const some = fc.uniqueArray(name, { minLength: 1, maxLength: 20 }).map((list) => list.sort())
  const set = fc.record(
    { x86_64: some, i386: some, x32: some, aarch64: some },
    { requiredKeys: [] }
  )
  const values = [
    0n,
    1n,
    2n,
    8n,
    16n,
    17n,
    38n,
    40n,
    0x10000000n,
    0x02000000n,
    0x40000n,
    0xffffffffn
  ]
  const floor = runtimeDefault()
  const holds = (property: fc.IRawProperty<unknown>, what: string, numRuns = 100) =>
    t.doesNotThrow(() => fc.assert(property as fc.IProperty<unknown>, { numRuns }), what)

  holds(
    fc.property(set, set, set, (a, b, c) => {
      t.same(unionSets(a, b), unionSets(b, a))
      t.same(unionSets(unionSets(a, b), c), unionSets(a, unionSets(b, c)))
      const once = mergeObserved(profileOf({}), a)
      const both = mergeObserved(once, b)
      return (
        mergeObserved(both, a) === both &&
        canonicalJson(mergeObserved(mergeObserved(profileOf({}), b), a)) === canonicalJson(both) &&
        canonicalJson(unionSets(a, both.status?.observed ?? {})) ===
          canonicalJson(both.status?.observed ?? {})
      )
    }),
    'merge is a union: commutative, associative, idempotent, monotone',
    50
  )
  holds(
    fc.property(names, fc.infiniteStream(fc.nat()), (list, noise) => {
      const keyed = list.map((each) => [noise.next().value as number, each] as const)
      const shuffled = keyed.sort((a, b) => a[0] - b[0]).map(([, each]) => each)
      const split = shuffled.map((each) => ({ names: [each], action: 'SCMP_ACT_ALLOW' as const }))
      return (['audit', 'enforce'] as const).every((mode) => {
        const one = renderProfile(allowing(list), { mode, resolve: nothing })
        return one.json === renderProfile(allowing([], split), { mode, resolve: nothing }).json
      })
    }),
    'the same bytes for permuted input'
  )
  holds(
    fc.property(names, (list) => {
      const { seccomp, provenance } = renderProfile(allowing(list), enforce)
      const answers = ['clone3']
      return (
        list.every(
          (each) => answers.includes(each) || isAllowed(seccomp, each) !== 'SCMP_ACT_ERRNO'
        ) && rulesOf(seccomp).every((rule) => (provenance[rule.name] ?? []).length > 0)
      )
    }),
    'approved is in the rendering, and every name says why'
  )
  holds(
    fc.property(names, fc.constantFrom('audit' as const, 'enforce' as const), (list, mode) => {
      // Those that RuntimeDefault limits by arguments are in every try, or six tries would miss them.
      const approved = new Set([...list, 'socket', 'clone', 'clone3', 'personality'])
      const { seccomp } = renderProfile(allowing([...approved]), { mode, resolve: nothing })
      return knownSyscalls.every((each) =>
        values.every((value) => {
          const got = passes(answer(seccomp, each, [value]))
          const byDefault = passes(answer(floor, each, [value]))
          const beyond = approved.has(each) && !runtimeDefaultNames().has(each) && each !== 'clone3'
          if (mode === 'audit' && byDefault && !got) return false
          return !got || byDefault || beyond
        })
      )
    }),
    'never weaker than RuntimeDefault; audit never stricter',
    6
  )
  holds(
    fc.property(names, set, (list, observed) => {
      const profile = mergeObserved(allowing(list), observed)
      const { seccomp } = renderProfile(profile, enforce)
      const back = parseDocument(serializeDocument(profile), 'x')
      return (
        isEmptyDiff(diffSeccomp(seccomp, seccomp)) && canonicalJson(back) === canonicalJson(profile)
      )
    }),
    'diff(a, a) is empty; parse ∘ serialize is the identity',
    50
  )
  t.end()
})

test('bitmaps and learned arguments', (t) => {
  const abi = fc.constantFrom(...abis)
  fc.assert(
    fc.property(abi, fc.array(fc.nat(600)), fc.array(fc.nat(600)), (one, some, others) => {
      const namesOf = (numbers: number[]) =>
        [...new Set(numbers.map((nr) => syscallName(one, nr)))].sort()
      const [left, right] = [toBitmap(one, namesOf(some)), toBitmap(one, namesOf(others))]
      t.same(fromBitmap(one, left), namesOf(some))
      t.equal(unionBitmaps(left, right), toBitmap(one, namesOf([...some, ...others])))
      t.equal(unionBitmaps(right, left), unionBitmaps(left, right))
    }),
    { numRuns: 40 }
  )
  t.equal(toBitmap('x86_64', ['read', 'write', 'no_such_call', 'syscall_9999']), 'Aw==')
  t.equal(toBitmap('x86_64', []), '')
  t.same(fromBitmap('x86_64', 'not base64 at all'.repeat(200)).length > 0, true, 'bounded')

  const argument = fc.record({
    abi,
    name: fc.constantFrom('socket', 'prctl'),
    index: fc.nat(1),
    values: fc.array(fc.nat(40).map(String), { maxLength: 24 }),
    many: fc.constantFrom(undefined, true)
  })
  const list = fc.array(
    argument.map(
      ({ many, ...one }): LearnedArgument => (many === undefined ? one : { ...one, many })
    ),
    { maxLength: 8 }
  )
  fc.assert(
    fc.property(list, list, list, (a, b, c) => {
      const all = mergeArguments(a, b, c)
      t.same(mergeArguments(mergeArguments(b, c), a), all, 'associative and commutative')
      t.same(mergeArguments(all, all, c), all, 'idempotent')
      t.ok(sameArguments(all, mergeArguments(c, b, a)))
      for (const { values, many } of all) {
        t.ok(values.length <= learnedValues && (many !== true || values.length === 0))
        t.same(
          values,
          [...new Set(values)].sort((x, y) => Number(x) - Number(y))
        )
      }
    }),
    { numRuns: 40 }
  )
  const plenty = Array.from({ length: learnedValues + 1 }, (_, value) => String(value))
  const one = { abi: 'x86_64' as const, name: 'ioctl', index: 1 }
  t.same(mergeArguments([{ ...one, values: plenty }]), [{ ...one, values: [], many: true }])
  t.end()
})
