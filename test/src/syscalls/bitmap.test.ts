import fc from 'fast-check'
import { test } from 'tap'
import { fromBitmap, toBitmap } from '../../../src/syscalls/bitmap.js'
import { knownSyscalls, syscallNumber } from '../../../src/syscalls/syscall-table.js'
import { runs } from '../../helpers/fuzz.js'

test('bitmaps of syscall names', (t) => {
  t.equal(toBitmap('x86_64', ['read']), 'AQ==', 'number 0 is bit 0 of byte 0')
  t.equal(toBitmap('x86_64', ['fstat', 'read', 'write']), 'Iw==')
  t.equal(toBitmap('x86_64', []), '')
  t.same(fromBitmap('x86_64', toBitmap('x86_64', ['syscall_700'])), ['syscall_700'])
  t.same(fromBitmap('aarch64', toBitmap('aarch64', ['open', 'openat'])), ['openat'])
  t.same(fromBitmap('x86_64', '§§'), [])
  const abi = fc.constantFrom(
    'x86_64' as const,
    'i386' as const,
    'x32' as const,
    'aarch64' as const
  )
  fc.assert(
    fc.property(abi, fc.uniqueArray(fc.constantFrom(...knownSyscalls)), (which, names) => {
      const own = names.filter((name) => syscallNumber(which, name) !== undefined).sort()
      t.same(fromBitmap(which, toBitmap(which, names)), own)
      t.equal(toBitmap(which, [...names].reverse()), toBitmap(which, own))
    }),
    { numRuns: runs(60) }
  )
  fc.assert(fc.property(abi, fc.string(), (which, text) => fromBitmap(which, text).length <= 1024))
  t.end()
})
