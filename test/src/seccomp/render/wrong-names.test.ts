import { test } from 'tap'
import type { SeccompSyscall } from '../../../../src/api/seccomp-profile.js'
import { renderProfile } from '../../../../src/seccomp/render/render.js'
import { allowing, nothing } from '../../../helpers/seccomp-profiles.js'

test('a name that nobody can have meant is not in force', (t) => {
  const equal = [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' as const }]
  const deny = (more: Partial<SeccompSyscall> = {}): SeccompSyscall => ({
    ...{ names: ['mount'], action: 'SCMP_ACT_ERRNO', errnoRet: 13 },
    ...more
  })
  const table: [string, string[], SeccompSyscall[], RegExp | undefined][] = [
    ['known names', ['read', 'mount'], [], undefined],
    ['a typing error', ['read', 'opeanat'], [], /syscalls\[0\]\.names: opeanat is no syscall/],
    ['… that is denied', ['read'], [deny({ names: ['mont'] })], /mont is no syscall/],
    ['of another machine', ['read', 's390_pci_mmio_read'], [], undefined],
    ['a number that the recorder does not know', ['read', 'syscall_500'], [], undefined],
    [
      'allowed and denied',
      ['read', 'mount'],
      [deny()],
      /mount is denied here and allowed by syscalls\[0\]/
    ],
    ['allowed, and denied for some arguments', ['mount'], [deny({ args: equal })], undefined],
    ['denied twice', ['read'], [deny(), deny()], undefined]
  ]
  for (const [what, names, rules, problem] of table) {
    const render = () =>
      renderProfile(allowing(names, rules), { mode: 'enforce', resolve: nothing })
    if (problem === undefined) t.doesNotThrow(render, what)
    else t.throws(render, { code: 'INVALID_DOCUMENT', message: problem }, what)
  }
  t.end()
})
