import { test } from 'tap'
import { renderLearn } from '../../../../src/seccomp/render/render.js'
import {
  runtimeDefault,
  runtimeDefaultNames
} from '../../../../src/seccomp/policy/runtime-default.js'
import { answer } from '../../../helpers/seccomp-profiles.js'

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
