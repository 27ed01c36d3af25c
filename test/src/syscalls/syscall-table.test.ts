import { test } from 'tap'
import { isKnownSyscall, syscallName, syscallNumber } from '../../../src/syscalls/syscall-table.js'

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
