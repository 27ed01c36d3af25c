import fc from 'fast-check'
import { test } from 'tap'
import { countTable } from '../../../../native/count-table.js'
import type { AbiClass, Slot } from '../../../../native/types.js'
import { abiClasses, abiOf } from '../../../../satellite/lib/abi-of.js'
import { namedCounts, observationId } from '../../../../satellite/recorder/slots/observation.js'
import { syscallName } from '../../../../src/syscalls/syscall-table.js'
import { runs } from '../../../helpers/fuzz.js'

function numbersOf(kind: AbiClass): number[] {
  const abi = abiOf(kind, 'x86_64')
  return Array.from({ length: 576 }, (_, number) => number).filter(
    (number) => !syscallName(abi, number).startsWith('syscall_')
  )
}

/** All numbers that the kernel side counts, also those without a name. */
const counts = fc
  .uniqueArray(fc.tuple(fc.nat(575), fc.integer({ min: 1, max: 1_000_000 })), {
    selector: ([number]) => number,
    maxLength: 60
  })
  .map((pairs) => new Map(pairs))
const blocked = fc.record({
  native: fc.uniqueArray(fc.nat(400), { maxLength: 3 }),
  compat: fc.uniqueArray(fc.nat(400), { maxLength: 1 }),
  x32: fc.constant([])
})
/** Numbers with a name, as nearly every container has them. */
const named = (kind: AbiClass) =>
  fc
    .uniqueArray(fc.constantFrom(...numbersOf(kind)), { maxLength: 400 })
    .map((numbers) => new Map(numbers.map((number) => [number, number + 1])))
const usual = fc.record({
  counted: fc.record({ native: named('native'), compat: named('compat'), x32: named('x32') }),
  waiting: fc.constant(undefined),
  unknown: fc.constant(0)
})
const given = fc.record({
  counted: fc.record({ native: counts, compat: counts, x32: counts }),
  waiting: fc.option(blocked, { nil: undefined }),
  unknown: fc.oneof(fc.constant(0), fc.nat(9))
})

const tableOf = (pairs: ReadonlyMap<number, number>) =>
  countTable(pairs.size === 0 ? undefined : Float64Array.from([...pairs].flat()))

test('every number that was counted or is blocked has its name, in order', (t) => {
  fc.assert(
    fc.property(fc.oneof(given, usual), ({ counted, waiting, unknown }) => {
      const found = namedCounts(
        {
          native: tableOf(counted.native),
          compat: tableOf(counted.compat),
          x32: tableOf(counted.x32),
          unknown
        },
        waiting && {
          native: new Set(waiting.native),
          compat: new Set(waiting.compat),
          x32: new Set(waiting.x32)
        },
        'x86_64'
      )
      const wanted = (kind: AbiClass) => {
        const all = new Map((waiting?.[kind] ?? []).map((number) => [number, 1]))
        for (const [number, count] of counted[kind]) all.set(number, count)
        const names = [...all].map(([number, count]): [string, number] => [
          syscallName(abiOf(kind, 'x86_64'), number),
          count
        ])
        if (kind === 'native' && unknown > 0) names.push(['syscall_unknown', unknown])
        return names.sort(([left], [right]) => (left < right ? -1 : 1))
      }
      const told = new Map(
        found.map(({ abi, syscalls }) => [abi, syscalls.map(({ name, count }) => [name, count])])
      )
      for (const kind of abiClasses) {
        t.strictSame(told.get(abiOf(kind, 'x86_64')) ?? [], wanted(kind))
      }
    }),
    { numRuns: runs(150) }
  )
  t.end()
})

test('a table of pairs behaves like a map', (t) => {
  const table = countTable(Float64Array.of(0, 7, 59, 2 ** 52))
  t.equal(table.size, 2)
  t.strictSame([table.get(0), table.get(59), table.get(7)], [7, 2 ** 52, undefined])
  t.strictSame([table.has(59), table.has(7)], [true, false])
  const seen: [number, number][] = []
  table.forEach((count, number) => seen.push([number, count]))
  t.strictSame(seen, [
    [0, 7],
    [59, 2 ** 52]
  ])
  t.equal(countTable(undefined).size, 0)
  t.end()
})

test('each run has an id of its own, and each part of it', (t) => {
  const slot = { mntns: 7, cgroupId: 100n, generation: 3, part: 'entry', pid: 11 }
  const idOf = (change: object) => observationId('n/boot', { ...slot, ...change } as Slot)
  t.equal(idOf({}), 'n/boot/7.100.3')
  t.equal(idOf({ pid: 12 }), idOf({}), 'with a cgroup of its own the process does not matter')
  const others = [
    { generation: 4 },
    { cgroupId: 101n },
    { mntns: 8 },
    { part: 'probe' },
    { part: 'session' },
    { cgroupId: 1n },
    { cgroupId: 1n, pid: 12 }
  ]
  const ids = [{}, ...others].map(idOf)
  t.equal(new Set(ids).size, ids.length, ids.join(' '))
  t.end()
})
