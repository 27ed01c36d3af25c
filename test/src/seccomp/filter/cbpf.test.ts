import { test } from 'tap'
import type { LinuxSeccomp } from '../../../../src/api/seccomp-profile.js'
import { assignedOf } from '../../../../src/confinement/assigned.js'
import {
  differenceText,
  kindOfProfile,
  modeOfRendering,
  namesBeyondDefault
} from '../../../../src/confinement/profile-kind.js'
import {
  archOf,
  dataWords,
  parseFilter,
  readAnswer,
  runFilter
} from '../../../../src/seccomp/filter/cbpf.js'
import { compareFilter, allowedNames } from '../../../../src/seccomp/filter/filter-compare.js'
import { renderLearn, renderProfile } from '../../../../src/seccomp/render/render.js'
import { runtimeDefault } from '../../../../src/seccomp/policy/runtime-default.js'
import { compileFilter } from '../../../../native/trial-load.js'

/** Instructions as (code, jt, jf, k). */
function filterOf(...instructions: [number, number, number, number][]): Uint8Array {
  const bytes = Buffer.alloc(8 * instructions.length)
  for (const [at, [code, jt, jf, k]] of instructions.entries()) {
    bytes.writeUInt16LE(code, 8 * at)
    bytes.writeUInt8(jt, 8 * at + 2)
    bytes.writeUInt8(jf, 8 * at + 3)
    bytes.writeUInt32LE(k, 8 * at + 4)
  }
  return bytes
}

const allow = 0x7fff0000
const { arch } = archOf.x86_64

test('classic BPF: every instruction that seccomp lets in', (t) => {
  const run = (bytes: Uint8Array, nr = 0, args: bigint[] = []) =>
    runFilter(parseFilter(bytes), dataWords({ nr, arch, args }))
  t.equal(run(filterOf([0x06, 0, 0, allow])), allow)
  t.equal(run(filterOf([0x20, 0, 0, 0], [0x16, 0, 0, 0]), 39), 39, 'the number, then return A')
  t.equal(run(filterOf([0x20, 0, 0, 4], [0x16, 0, 0, 0])), arch, 'the architecture')
  t.equal(
    run(filterOf([0x20, 0, 0, 20], [0x16, 0, 0, 0]), 0, [0x1_0000_0002n]),
    1,
    'the upper half of argument 0'
  )
  const binary = (code: number, a: number, b: number) =>
    run(filterOf([0x00, 0, 0, a], [code, 0, 0, b], [0x16, 0, 0, 0]))
  t.equal(binary(0x04, 0xffffffff, 2), 1, 'add')
  t.equal(binary(0x14, 1, 2), 0xffffffff, 'sub')
  t.equal(binary(0x24, 0x10000, 0x10001), 0x10000, 'mul')
  t.equal(binary(0x34, 7, 2), 3, 'div')
  t.equal(binary(0x44, 6, 1), 7, 'or')
  t.equal(binary(0x54, 0xf0000000, 0xff000000), 0xf0000000, 'and')
  t.equal(binary(0x64, 1, 31), 0x80000000, 'lsh')
  t.equal(binary(0x74, 0x80000000, 31), 1, 'rsh')
  t.equal(binary(0x84, 1, 0), 0xffffffff, 'neg')
  t.equal(binary(0xa4, 5, 3), 6, 'xor')
  const jump = (code: number, a: number, b: number) =>
    run(filterOf([0x00, 0, 0, a], [code, 0, 1, b], [0x06, 0, 0, 1], [0x06, 0, 0, 2]))
  for (const [code, a, b, taken] of [
    [0x15, 3, 3, 1],
    [0x15, 3, 4, 2],
    [0x25, 0x80000000, 1, 1],
    [0x25, 1, 1, 2],
    [0x35, 1, 1, 1],
    [0x45, 6, 2, 1],
    [0x45, 4, 2, 2]
  ] as const) {
    t.equal(jump(code, a, b), taken, `jump 0x${code.toString(16)} ${a} ${b}`)
  }
  t.equal(run(filterOf([0x05, 0, 0, 1], [0x06, 0, 0, 1], [0x06, 0, 0, 2])), 2, 'ja')
  t.equal(
    run(
      filterOf(
        [0x00, 0, 0, 9],
        [0x02, 0, 0, 3],
        [0x00, 0, 0, 1],
        [0x61, 0, 0, 3],
        [0x0c, 0, 0, 0],
        [0x16, 0, 0, 0]
      )
    ),
    10,
    'memory, X, add X'
  )
  t.equal(
    run(filterOf([0x00, 0, 0, 5], [0x01, 0, 0, 0], [0x3c, 0, 0, 0], [0x06, 0, 0, allow])),
    0,
    'a division by zero kills'
  )
  t.equal(run(filterOf([0x80, 0, 0, 0], [0x16, 0, 0, 0])), 64, 'the length of seccomp_data')
  t.throws(() => parseFilter(Buffer.alloc(7)), { code: 'INVALID_DOCUMENT' })
  t.throws(() => run(filterOf([0x28, 0, 0, 0])), RangeError, 'half words are not let in')
  t.throws(() => run(filterOf([0x00, 0, 0, 0])), RangeError, 'no answer at the end')
  t.same(readAnswer(0x00050026), { action: 'SCMP_ACT_ERRNO', errno: 38 })
  t.same(readAnswer(0x7ffc0000), { action: 'SCMP_ACT_LOG', errno: 0 })
  t.same(readAnswer(0x12340000), { action: 'unknown', errno: 0 })
  t.end()
})

const abis = ['x86_64', 'i386', 'x32'] as const
const profile = {
  apiVersion: 'secco.dev/v1alpha1',
  kind: 'SeccompProfile',
  metadata: { namespace: 'default', name: 'web' },
  spec: {
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [
        { names: ['read', 'write', 'socket', 'clone', 'personality'], action: 'SCMP_ACT_ALLOW' },
        {
          names: ['getitimer'],
          action: 'SCMP_ACT_ALLOW',
          args: [{ index: 0, value: 70, op: 'SCMP_CMP_EQ' }]
        }
      ]
    }
  }
} as const

test('a filter that libseccomp makes of a profile is told from every other', async (t) => {
  const render = (mode: 'audit' | 'enforce') =>
    renderProfile(structuredClone(profile) as never, { mode, resolve: () => undefined }).seccomp
  const profiles: Record<string, LinuxSeccomp> = {
    enforce: render('enforce'),
    audit: render('audit'),
    learn: renderLearn('x86_64').seccomp,
    runtimeDefault: runtimeDefault({ capabilities: ['CAP_SYS_ADMIN', 'CAP_CHOWN'] })
  }
  for (const [name, seccomp] of Object.entries(profiles)) {
    const built = await compileFilter(seccomp)
    if (built === undefined) throw new Error(`${name} was not built`)
    const filter = parseFilter(built.bytes)
    for (const [other, declared] of Object.entries(profiles)) {
      const { same, asked, differences } = compareFilter(filter, declared, {
        abis,
        skipped: new Set(built.skipped)
      })
      t.equal(same, name === other, `${name} against ${other}: ${JSON.stringify(differences[0])}`)
      if (name === other) t.ok(asked > 1800, `${asked} calls were tried`)
    }
    if (name === 'runtimeDefault') t.ok(allowedNames(filter, 'x86_64').includes('mount'))
  }
})

test('one changed condition is found', async (t) => {
  const enforce = renderProfile(structuredClone(profile) as never, {
    mode: 'enforce',
    resolve: () => undefined
  }).seccomp
  const changed = structuredClone(enforce)
  for (const rule of changed.syscalls ?? []) {
    if (rule.names.includes('getitimer')) for (const arg of rule.args ?? []) arg.value = 71
  }
  const built = await compileFilter(changed)
  if (built === undefined) throw new Error('not built')
  const { same, differences } = compareFilter(parseFilter(built.bytes), enforce, {
    abis,
    skipped: new Set(built.skipped)
  })
  t.equal(same, false)
  t.match(differences[0], { syscall: 'getitimer', abi: 'x86_64' })
})

test('what a profile is, and what an annotation assigned', (t) => {
  t.equal(kindOfProfile(runtimeDefault()), 'runtime-default')
  t.equal(kindOfProfile(runtimeDefault({ capabilities: ['CAP_SYS_ADMIN'] })), 'runtime-default')
  t.equal(kindOfProfile(renderLearn('x86_64').seccomp), 'runtime-default')
  t.equal(kindOfProfile({ defaultAction: 'SCMP_ACT_ALLOW' }), 'allow-all')
  t.equal(
    kindOfProfile({
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['bpf'], action: 'SCMP_ACT_ERRNO' }]
    }),
    'other'
  )
  const withMore = (...names: string[]): LinuxSeccomp => {
    const plain = runtimeDefault()
    const more = { names, action: 'SCMP_ACT_ALLOW' as const }
    return { ...plain, syscalls: [...(plain.syscalls ?? []), more] }
  }
  const admin = { capabilities: ['CAP_SYS_ADMIN', 'CAP_BPF'] }
  t.equal(kindOfProfile(runtimeDefault(admin)), 'runtime-default', 'as with capabilities')
  t.equal(kindOfProfile(withMore('bpf')), 'runtime-default', 'as with CAP_BPF')
  for (const [names, differs] of [
    [['kexec_load'], '1 call differs: with kexec_load'],
    [['bpf', 'mount'], '1 call differs: with mount'],
    [['keyctl', 'userfaultfd'], '2 calls differ: with keyctl, userfaultfd']
  ] as const) {
    t.equal(kindOfProfile(withMore(...names)), 'like-default', names.join())
    t.equal(differenceText(withMore(...names)), differs)
  }
  const logged = { ...runtimeDefault(), syscalls: [...(runtimeDefault().syscalls ?? [])] }
  logged.syscalls.push({ names: ['kexec_load'], action: 'SCMP_ACT_LOG' })
  t.equal(kindOfProfile(logged), 'like-default', 'a logged call is made')
  t.same(namesBeyondDefault(runtimeDefault()), [])
  t.same(namesBeyondDefault(withMore('bpf', 'read', 'socket')), ['bpf', 'socket'], 'any socket')
  const more = namesBeyondDefault(runtimeDefault({ capabilities: ['CAP_SYS_ADMIN'] }))
  t.ok(
    ['bpf', 'clone', 'mount'].every((name) => more.includes(name)),
    more.join()
  )
  for (const mode of ['audit', 'enforce'] as const) {
    const { seccomp } = renderProfile(structuredClone(profile) as never, {
      mode,
      resolve: () => undefined
    })
    t.equal(modeOfRendering(seccomp), mode)
  }
  const revision = `sha256:${'a'.repeat(64)}`
  const text = JSON.stringify({ app: { profile: 'shop/web', revision, mode: 'enforce' } })
  t.match(assignedOf(text, 'app'), { profile: 'shop/web', revision, mode: 'enforce' })
  t.equal(assignedOf(text, 'other'), undefined)
  t.match(
    assignedOf(JSON.stringify({ app: { profile: '../../etc/x', revision } }), 'app'),
    { profile: '', revision: '' },
    'no path out of an annotation'
  )
  t.equal(assignedOf('{', 'app'), undefined)
  t.equal(assignedOf('null', 'app'), undefined)
  t.end()
})
