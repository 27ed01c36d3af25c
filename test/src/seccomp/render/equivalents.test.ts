import { test } from 'tap'
import { emergencyTemplates } from '../../../../src/seccomp/data/emergency-templates.js'
import { rulesOf } from '../../../../src/seccomp/policy/normal-form.js'
import { emptyOverlay, parseBlock, withBlock } from '../../../../src/seccomp/render/block.js'
import { equivalentsOf } from '../../../../src/seccomp/render/equivalents.js'
import { families } from '../../../../src/seccomp/render/families.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { unblockedEquivalents } from '../../../../src/seccomp/render/unblocked-equivalents.js'
import { isKnownSyscall, knownSyscalls } from '../../../../src/syscalls/syscall-table.js'
import { passes, profileOf } from '../../../helpers/renderings.js'
import { enforce } from '../../../helpers/seccomp-profiles.js'

const decision = { by: 'ops', at: '2026-05-01T00:00:00Z', reason: '' }
const rulesIn = (what: string) =>
  rulesOf({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: parseBlock(what).rules })
/** What is said after these blocks, as `NAME: OTHERS → BLOCK`. */
function saidOf(...blocks: string[]): string[] {
  const overlay = blocks.reduce(
    (before, what) => withBlock(before, parseBlock(what), { ...decision, reason: what }, false),
    emptyOverlay()
  )
  return unblockedEquivalents(rulesIn(blocks.at(-1) ?? ''), overlay).map(
    ({ name, others, block }) => `${name}: ${others.join(' ')} → ${block.join(' ')}`
  )
}

test('a block names what does the same and is not blocked', (t) => {
  const cases: [blocks: string[], said: string[]][] = [
    [['umount'], ['umount: umount2 → umount+']],
    [['umount2'], ['umount2: umount → umount2+']],
    [['umount+'], []],
    [['umount', 'umount2'], []],
    [['io_uring_enter'], ['io_uring_enter: io_uring_register io_uring_setup → io_uring_enter+']],
    [['io_uring'], []],
    [['openat2'], ['openat2: creat open openat → openat2+']],
    [['ppoll'], ['ppoll: poll ppoll_time64 → ppoll+']],
    [['clone'], ['clone: fork vfork → clone+']],
    [['clone:flags&0x10000000'], []],
    [['user-namespaces'], []],
    [['execveat'], ['execveat: execve → execveat+']],
    [['dirty-pipe'], ['splice: copy_file_range sendfile sendfile64 → splice+']],
    [['mmap:2&4'], ['mmap: mmap2 → mmap2']],
    [['mmap2:2&4', 'mmap:2&4'], []],
    [['bpf'], []]
  ]
  for (const [blocks, said] of cases) t.same(saidOf(...blocks), said, blocks.join(', '))
  t.end()
})

test('every variant of a name is an equivalent of the plain one, and every equivalent exists', (t) => {
  for (const name of knownSyscalls) {
    const others = equivalentsOf(name)
    t.same(
      others.filter((other) => !isKnownSyscall(other)),
      [],
      name
    )
    for (const other of others) t.ok(equivalentsOf(other).includes(name), `${other} and ${name}`)
    for (const suffix of ['_time64', '64', '32']) {
      const variant = `${name}${suffix}`
      if (isKnownSyscall(variant)) t.ok(others.includes(variant), variant)
    }
  }
  for (const { members } of families) {
    const [first = '', ...more] = members
    for (const name of more) t.ok(equivalentsOf(first).includes(name), `${first} and ${name}`)
  }
  const names = new Set(emergencyTemplates.map(({ name }) => name))
  t.same(names.size, emergencyTemplates.length)
  t.end()
})

test('SYSCALL+ takes all of them out of a rendering, says why, and gives them back', (t) => {
  const names = ['read', 'umount', 'umount2']
  const wide = profileOf({
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }]
    }
  })
  const blocked = withBlock(
    emptyOverlay(),
    parseBlock('umount+'),
    { ...decision, reason: 'umount+: CVE' },
    false
  )
  const resolve = (_: string, name: string) => (name === 'emergency' ? blocked : undefined)
  const { seccomp, reasons } = renderProfile(wide, { ...enforce, resolve })
  t.notOk(passes(seccomp, 'umount2', []))
  t.ok(passes(renderProfile(wide, enforce).seccomp, 'umount2', []), 'without the block')
  t.match(reasons['umount2'], [{ kind: 'emergency', by: 'ops', text: /umount\+: CVE/ }])
  const given = withBlock(blocked, parseBlock('umount+'), decision, true)
  t.same(given.spec.seccomp?.syscalls, [])
  t.throws(() => parseBlock('umount+:0=1'), { code: 'INVALID_ARGUMENT' })
  t.throws(() => parseBlock('nothing+'), { code: 'INVALID_ARGUMENT' })
  t.end()
})
