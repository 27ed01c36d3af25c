import { test } from 'tap'
import { compileFilter } from '../../../native/trial-load.js'
import { FilterChecks } from '../../../satellite/inspector/filter-checks.js'
import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { allowing } from '../revision-of.js'

const x86 = { architectures: ['SCMP_ARCH_X86_64' as const] }
const web: LinuxSeccomp = { ...allowing('read', 'write'), ...x86 }
const wider: LinuxSeccomp = { ...allowing('read', 'write', 'mkdir'), ...x86 }
const compiled = async (seccomp: LinuxSeccomp) => (await compileFilter(seccomp))?.bytes
const skip = process.arch === 'x64' ? false : 'the filters are those of x86_64'

test('a filter of the kernel, and the profile that its container declares', { skip }, async (t) => {
  const [own, other] = [await compiled(web), await compiled(wider)]
  if (own === undefined || other === undefined) throw new Error('libseccomp builds no filter')
  const checks = new FilterChecks(['x86_64', 'i386', 'x32'])
  // runc puts its answer for unknown numbers in front: here an instruction that changes nothing (ld nr; it is loaded again).
  const prefixed = Buffer.concat([Buffer.from([0x20, 0, 0, 0, 0, 0, 0, 0]), own])
  const appended = Buffer.concat([own, Buffer.from([0x06, 0, 0, 0, 0, 0, 0xff, 0x7f])])
  const table: [what: string, filters: (Buffer | undefined)[], expected: object][] = [
    ['the same', [own], { checked: 'bytes', same: true, others: 0, difference: '' }],
    ['with something in front', [prefixed], { checked: 'bytes', same: true, others: 0 }],
    ['with something behind', [appended], { checked: 'table', same: true, others: 0 }],
    ['another filter', [other], { checked: 'table', same: false, difference: /^mkdir \(x86_64\)/ }],
    ['its own one on top', [other, own], { checked: 'bytes', same: true, others: 1 }],
    ['none that can be read', [undefined], { checked: 'none', same: false }],
    ['no filter', [], { checked: 'none', same: false }],
    ['garbage', [Buffer.from('x')], { same: false }]
  ]
  for (const [what, filters, expected] of table) {
    t.match(await checks.check(filters, web), expected, what)
    t.match(await checks.check(filters, web), expected, `${what}, asked again`)
  }
  t.match(await checks.check([own], undefined), { checked: 'table', same: false, others: 1 })
  const [narrow, wide] = await Promise.all([checks.check([own], web), checks.check([other], web)])
  t.equal(wide.allowed, narrow.allowed + 1)
})
