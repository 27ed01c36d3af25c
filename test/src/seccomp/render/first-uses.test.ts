import fc from 'fast-check'
import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { validateObject } from '../../../../src/api/validate.js'
import {
  firstUseOf,
  type UsedCalls,
  withFirstUses
} from '../../../../src/seccomp/render/first-uses.js'
import { observedReason, sightingsOf } from '../../../../src/seccomp/render/observed-by.js'
import { toBitmap } from '../../../../src/syscalls/bitmap.js'
import { runs } from '../../../helpers/fuzz.js'
import { profileOf } from '../../store/contract.js'

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString()
const used = (
  names: string[],
  firstSeen: number,
  lastSeen: number,
  startup: string[] = []
): UsedCalls => ({
  ...{ set: { x86_64: names }, startup: { x86_64: startup } },
  ...{ firstSeen: at(firstSeen), lastSeen: at(lastSeen) }
})

test('a call is used first at the earliest time that any report has', (t) => {
  const table: [what: string, reports: UsedCalls[], expected: Record<string, number>][] = [
    ['of start-up', [used(['read'], 1, 9, ['read'])], { read: 1 }],
    [
      'later: when it was reported',
      [used(['read', 'mount'], 1, 9, ['read'])],
      { read: 1, mount: 9 }
    ],
    ['again', [used(['mount'], 1, 5), used(['mount'], 1, 9)], { mount: 5 }],
    [
      'of another instance',
      [used(['mount'], 4, 5), used(['mount'], 7, 8, ['mount'])],
      { mount: 5 }
    ],
    ['reported late', [used(['mount'], 7, 8), used(['mount'], 1, 2)], { mount: 2 }]
  ]
  for (const [what, reports, expected] of table) {
    const uses = reports.reduce<ReturnType<typeof withFirstUses>>(
      (before, one) => withFirstUses(before, one, {}),
      undefined
    )
    const first = firstUseOf({ firstUsed: uses ?? [] })
    for (const [name, second] of Object.entries(expected))
      t.equal(first(name, ['x86_64']), at(second), `${what}: ${name}`)
    t.equal(withFirstUses(uses, reports[0] ?? used([], 0, 0), {}), uses, `${what}: nothing new`)
    validateObject({ ...profileOf('shop', 'web'), status: { firstUsed: uses ?? [] } }, what)
  }
  const older = withFirstUses(undefined, used(['read'], 1, 9), { x86_64: ['read'] })
  t.equal(older, undefined, 'observed by an earlier release: nobody knows when')
  const first = firstUseOf({ firstUsed: withFirstUses(undefined, used(['read'], 1, 2), {}) ?? [] })
  t.equal(first('read', ['x86_64', 'i386']), undefined, 'of one ABI it is not known')
  t.end()
})

test('first uses are the same in any order, few, and never too late', (t) => {
  const names = ['read', 'write', 'mmap', 'futex', 'mount', 'bpf', 'getsid', 'brk']
  const report = fc.record({ names: fc.subarray(names), last: fc.nat(9) })
  const merged = (reports: readonly { names: string[]; last: number }[]) =>
    reports.reduce<ReturnType<typeof withFirstUses>>(
      (before, one) => withFirstUses(before, used(one.names, 0, one.last), {}),
      undefined
    )
  fc.assert(
    fc.property(fc.array(report, { maxLength: 12 }), fc.nat(), (reports, cut) => {
      const turn = reports.length === 0 ? 0 : cut % reports.length
      const other = [...reports.slice(turn), ...reports.slice(0, turn), ...reports.slice(0, turn)]
      t.same(merged(other), merged(reports))
    }),
    { numRuns: runs(30) }
  )
  const bitmapNames = Array.from({ length: 60 }, (_, nr) => `syscall_${900 + nr}`)
  const many = bitmapNames.map((name, nth) => ({ names: [name], last: nth < 30 ? nth : nth * 10 }))
  const uses = merged(many) ?? []
  t.equal(uses.length, 24)
  const first = firstUseOf({ firstUsed: uses })
  for (const { names: own, last } of many) {
    const found = first(own[0] ?? '', ['x86_64']) ?? ''
    t.ok(found <= at(last) && found !== '')
  }
  t.equal(first('syscall_959', ['x86_64']), at(590))
  t.end()
})

test('an approval, a page and a difference name when a call was used first, not when its instance began', (t) => {
  const instance = (id: string, firstSeen: number, names: string[]) => ({
    ...{ id, node: 'n1', complete: true, ended: false, part: 'entry' as const },
    ...{
      firstSeen: at(firstSeen),
      lastSeen: at(50),
      observed: { x86_64: toBitmap('x86_64', names) }
    }
  })
  const known: SeccompProfile = {
    ...profileOf('shop', 'web'),
    status: {
      observed: { x86_64: ['mount', 'read', 'write'] },
      instances: [instance('n1/2', 20, ['read', 'mount', 'write'])],
      // An instance that is forgotten used read first; this one used mount long after it began.
      firstUsed: [
        { at: at(2), observed: { x86_64: toBitmap('x86_64', ['read']) } },
        { at: at(40), observed: { x86_64: toBitmap('x86_64', ['mount']) } }
      ]
    }
  }
  const reasonOf = (name: string) => {
    const seen = sightingsOf(known).get(name)
    return seen && observedReason(seen).at
  }
  t.equal(reasonOf('read'), at(2))
  t.equal(reasonOf('mount'), at(40))
  t.equal(
    reasonOf('write'),
    at(20),
    'observed by an earlier release: the first instance that is known'
  )
  t.end()
})
