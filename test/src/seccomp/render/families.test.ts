import { test } from 'tap'
import { baseNames } from '../../../../src/seccomp/render/base.js'
import { families, widen } from '../../../../src/seccomp/render/families.js'
import { runtimeDefaultRules } from '../../../../src/seccomp/policy/runtime-default.js'

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
  t.same(
    families.flatMap(({ members }) => members).filter((name) => !runtimeDefaultRules().has(name)),
    [],
    'no member of a family is beyond RuntimeDefault'
  )
  t.end()
})
