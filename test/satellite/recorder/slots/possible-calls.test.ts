import { test } from 'tap'
import type { DenialDetail } from '../../../../native/types.js'
import { possibleDenials } from '../../../../satellite/recorder/slots/possible-denials.js'
import { syscallNumber } from '../../../../src/syscalls/syscall-table.js'

const detail = (name: string, change: Partial<DenialDetail>): DenialDetail => ({
  ...{ index: 0, generation: 1, abi: 'native', nr: syscallNumber('x86_64', name) ?? -1, count: 1 },
  ...{ result: -1, succeeded: 0, pid: 1, comm: 'app', at: 0n, firstAt: 0n },
  ...change
})
const counts = (abi: string, names: Record<string, number>) => ({
  abi,
  syscalls: Object.entries(names).map(([name, count]) => ({
    ...{ name, count, action: '', detail: undefined }
  }))
})

test('calls that only ever ended as a filter ends them are possible denials', (t) => {
  const table: [what: string, details: DenialDetail[], expected: string[]][] = [
    ['never failed so', [], []],
    ['each of them', [detail('mount', { count: 3 })], ['mount']],
    ['two of three', [detail('mount', { count: 2 })], []],
    ['one of them succeeded', [detail('mount', { count: 3, succeeded: 1 })], []],
    [
      'in two rows',
      [detail('mount', { count: 2 }), detail('mount', { count: 1, result: -38 })],
      ['mount']
    ],
    ['counted by arguments, too', [detail('mount', { count: 3, arguments: [1n] })], []],
    ['of another ABI', [detail('mount', { abi: 'compat', count: 3 })], []]
  ]
  for (const [what, details, expected] of table) {
    const found = possibleDenials([counts('x86_64', { mount: 3, read: 9 })], details, 'x86_64')
    t.same(
      found.flatMap(({ names }) => names),
      expected,
      what
    )
  }
  t.end()
})
