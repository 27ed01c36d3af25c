import { test } from 'tap'
import { baseNames, baseOf, isBase, isNeeded } from '../../../../src/seccomp/render/base.js'
import { knownSyscalls } from '../../../../src/syscalls/syscall-table.js'

test('base: data with reasons, by runtime and version', (t) => {
  for (const { name, reason, source } of baseOf([])) {
    t.ok(knownSyscalls.includes(name) && reason !== '' && source !== '', name)
  }
  const of = (name: string, version: string) => baseNames([{ name, version }])
  t.notOk(of('runc', '1.1.5').has('statx'))
  t.ok(of('runc', '1.3').has('statx'))
  t.ok(of('crun', '1.8.1').has('pselect6'), 'measured')
  t.notOk(of('crun', '1.8.1').has('fstatfs'), "runc's own")
  for (const name of ['getuid', 'umask', 'select', 'clock_nanosleep']) {
    t.ok(of('crun', '1.8.1').has(name), `${name}: in every profile`)
  }
  const cases: [name: string, isBase: boolean, isNeeded: boolean][] = [
    ['execve', true, true],
    ['alarm', true, false],
    ['mount', false, false]
  ]
  for (const [name, ...expected] of cases) t.same([isBase(name), isNeeded(name)], expected, name)
  t.end()
})
