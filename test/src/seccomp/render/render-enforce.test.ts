import { test } from 'tap'
import type { LinuxSeccomp, SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { canonicalJson } from '../../../../src/lib/canonical.js'
import { digestOf } from '../../../../src/lib/digest.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { answer, codeOf, enforce, allowing, profileOf } from '../../../helpers/seccomp-profiles.js'
import { matchLists } from '../../../helpers/match-lists.js'

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
  t.strictSame(reasons['mount'], [
    { kind: 'person', text: 'spec.seccomp' },
    { kind: 'person', text: 'beyond RuntimeDefault' }
  ])
  matchLists(t, reasons['exit'], [{ kind: 'base' }])
  t.matchOnly(provenance['exit'], [/^base: /])
  t.matchOnly(reasons['epoll_pwait2'], [{ kind: 'family', text: /^epoll_wait: / }])
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

test('what a spec kills stays killed; what a container needs to start is never limited', (t) => {
  for (const defaultAction of ['SCMP_ACT_KILL', 'SCMP_ACT_KILL_PROCESS'] as const) {
    const profile = profileOf({
      seccomp: { defaultAction, syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }] }
    })
    t.equal(renderProfile(profile, enforce).seccomp.defaultAction, defaultAction)
    const audit = renderProfile(profile, { ...enforce, mode: 'audit' }).seccomp
    t.match(audit, { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 1 }, 'audit kills nothing')
  }
  t.equal(renderProfile(allowing(['read']), enforce).seccomp.defaultAction, 'SCMP_ACT_ERRNO')
  const limited = allowing(
    [],
    ['futex', 'prctl'].map((name) => ({
      names: [name],
      action: 'SCMP_ACT_ALLOW' as const,
      args: [{ index: 0, op: 'SCMP_CMP_EQ' as const, value: 999 }]
    }))
  )
  const { seccomp, provenance } = renderProfile(limited, enforce)
  t.equal(answer(seccomp, 'futex', [1n]), 'SCMP_ACT_ALLOW', 'any futex')
  t.match(provenance['futex']?.join(), /allowed with all arguments, whatever conditions/)
  t.equal(answer(seccomp, 'prctl', [999n]), 'SCMP_ACT_ALLOW', 'what was approved')
  t.equal(answer(seccomp, 'prctl', [38n]), 'SCMP_ACT_ALLOW', 'PR_SET_NO_NEW_PRIVS of the runtime')
  t.equal(answer(seccomp, 'prctl', [55n]), 'SCMP_ACT_ERRNO/1', 'and no more')
  t.end()
})

test('deny rules of a profile and of its parents', (t) => {
  const args = (value: number) => [{ index: 0, op: 'SCMP_CMP_EQ' as const, value }]
  const deny = (name: string, value?: number) => ({
    ...{ names: [name], action: 'SCMP_ACT_ERRNO' as const, errnoRet: 13 },
    ...(value === undefined ? {} : { args: args(value) })
  })
  const parents: Record<string, SeccompProfile> = {
    'shop/wide': profileOf(
      allowing(['chdir', 'chmod', 'fchdir', 'getrandom', 'sysinfo']).spec,
      'wide'
    ),
    'shop/partly': profileOf(allowing([], [deny('getrandom', 7)]).spec, 'partly'),
    'shop/never': profileOf(allowing([], [deny('sysinfo'), deny('chroot')]).spec, 'never')
  }
  const options = { ...enforce, resolve: (ns: string, name: string) => parents[`${ns}/${name}`] }
  const child = profileOf({
    extends: ['wide', 'partly', 'never'],
    ...allowing(['read'], [deny('chdir'), deny('chmod'), deny('fchdir', 3)]).spec
  })
  const { seccomp } = renderProfile(child, options)
  const table: [name: string, value: bigint, answer: string, why: string][] = [
    ['chdir', 0n, 'SCMP_ACT_ERRNO/13', "the child's own rule wins over a parent"],
    ['fchmod', 0n, 'SCMP_ACT_ERRNO/1', 'and nothing of the family of what it denies'],
    ['fchdir', 3n, 'SCMP_ACT_ERRNO/13', "the child's own rule for an argument"],
    ['fchdir', 4n, 'SCMP_ACT_ALLOW', 'the rest of it comes from the parent'],
    ['getrandom', 7n, 'SCMP_ACT_ERRNO/13', 'one parent denies an argument, another one allows all'],
    ['getrandom', 1n, 'SCMP_ACT_ALLOW', 'other arguments'],
    ['sysinfo', 0n, 'SCMP_ACT_ALLOW', 'what any parent allows is allowed'],
    ['chroot', 0n, 'SCMP_ACT_ERRNO/13', 'an answer of its own']
  ]
  for (const [name, value, expected, why] of table) {
    t.equal(answer(seccomp, name, [value]), expected, `${name} ${value}: ${why}`)
  }
  t.end()
})

test('a multiplexer that nobody approved stays closed where i386 is listed', (t) => {
  const x86 = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'] as const
  const answersOf = (names: string[], architectures: LinuxSeccomp['architectures']) => {
    const { spec } = allowing(names)
    const seccomp = { ...spec.seccomp, defaultAction: 'SCMP_ACT_ERRNO' as const }
    const rendered = renderProfile(
      profileOf({ seccomp: { ...seccomp, ...(architectures && { architectures }) } }),
      enforce
    ).seccomp
    return ['socketcall', 'ipc'].map((name) => answer(rendered, name, []))
  }
  t.same(answersOf(['socket', 'shmget'], [...x86]), ['SCMP_ACT_ERRNO/38', 'SCMP_ACT_ERRNO/38'])
  t.same(answersOf(['socketcall'], [...x86]), ['SCMP_ACT_ALLOW', 'SCMP_ACT_ERRNO/38'])
  t.same(answersOf(['socket'], ['SCMP_ARCH_X86_64']), ['SCMP_ACT_ERRNO/1', 'SCMP_ACT_ERRNO/1'])
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

test('one call of another ABI lists no ABI that nobody approved', (t) => {
  const { spec } = allowing(['read', 'write'])
  const { seccomp = { defaultAction: 'SCMP_ACT_ERRNO' } } = spec
  const observed = { x86_64: ['read'], i386: ['getpid'], x32: ['getpid'] }
  const approved = { ...seccomp, architectures: ['SCMP_ARCH_X86' as const] }
  // [what, what is approved, machine, ABIs]
  const table: [string, typeof seccomp, string | undefined, string[]][] = [
    ['none named', seccomp, 'x86_64', ['SCMP_ARCH_X86_64']],
    ['none named, any machine', seccomp, undefined, ['SCMP_ARCH_X86_64']],
    ['another machine', seccomp, 'aarch64', ['SCMP_ARCH_AARCH64']],
    ['one approved', approved, 'x86_64', ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']]
  ]
  for (const [what, content, machine, expected] of table) {
    const profile = { ...profileOf({ seccomp: content }), status: { observed } }
    const options = { ...enforce, ...(machine === undefined ? {} : { machine }) }
    const rendered = renderProfile(profile, options).seccomp
    t.same(rendered.architectures, expected, what)
    const unseen = renderProfile({ ...profile, status: {} }, options).seccomp
    t.same(rendered, unseen, `${what}: an observation changes nothing`)
  }
  t.end()
})
