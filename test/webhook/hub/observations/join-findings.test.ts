import fc from 'fast-check'
import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { validateObject } from '../../../../src/api/validate.js'
import type { Abi } from '../../../../src/syscalls/abi.js'
import { fromBitmap } from '../../../../src/syscalls/bitmap.js'
import { mergeArguments } from '../../../../src/seccomp/arguments/merge-arguments.js'
import { sightingsOf } from '../../../../src/seccomp/render/observed-by.js'
import type { SyscallSet } from '../../../../src/syscalls/syscall-set.js'
import { mostInstances, withFindings } from '../../../../webhook/hub/observations/evidence.js'
import type { ObservationFinding } from '../../../../webhook/hub/observations/read-observation.js'
import { profileOf } from '../../../src/store/contract.js'
import { runs } from '../../../helpers/fuzz.js'
import { matchLists } from '../../../helpers/match-lists.js'

const time = '2026-11-24T10:00:00.000Z'

test('findings give the same result in any order, any number of times', (t) => {
  const target = {
    ref: { namespace: 'default', name: 'web' },
    workload: { kind: 'Container', name: 'web' }
  }
  const names = fc.subarray(['read', 'write', 'mmap', 'exit', 'futex'])
  const finding = fc.record({
    node: fc.constantFrom('a', 'b'),
    id: fc.constantFrom<string>('1', '2', '3'),
    ...{ names, startup: names, serving: names },
    abi: fc.constantFrom('x86_64' as const, 'i386' as const),
    values: fc.array(fc.nat(40).map(String), { maxLength: 20 }),
    events: fc.subarray(['start', 'serve', 'stop', 'probe']),
    lost: fc.nat(2),
    complete: fc.boolean(),
    ended: fc.boolean()
  })
  type Given = typeof finding extends fc.Arbitrary<infer T> ? T : never
  const setOf = (abi: Abi, given: string[]): SyscallSet =>
    given.length === 0 ? {} : { [abi]: [...given].sort() }
  const toFinding = (g: Given): { node: string; finding: ObservationFinding } => ({
    node: g.node,
    finding: {
      target,
      id: `${g.node}/${g.id}`,
      // One instance is one part for all its life.
      part: g.id.startsWith('1') ? 'entry' : g.id === '2' ? 'probe' : 'session',
      set: setOf(g.abi, g.names),
      startup: setOf(g.abi, g.startup),
      serving: setOf(g.abi, g.serving),
      arguments: mergeArguments([{ abi: g.abi, name: 'ioctl', index: 1, values: g.values }]),
      ...{ complete: g.complete, ended: g.ended, lost: g.lost, events: g.events },
      ...{ image: 'web:1', runtime: 'runc 1.1.5', kernel: '6.18.0', firstSeen: time },
      ...{ sequence: 1, lastSeen: time, denials: [], unreadable: [], unproven: [] }
    }
  })
  fc.assert(
    fc.property(
      fc.array(finding, { maxLength: 12 }),
      fc.nat(),
      fc.constantFrom<SeccompProfile['spec']>(
        {},
        { learn: { sessions: true } },
        { learn: { probes: false } }
      ),
      (given, cut, spec) => {
        const all = given.map(toFinding)
        const at = all.length === 0 ? 0 : cut % all.length
        const start = { ...profileOf('default', 'web'), spec }
        const once = withFindings(start, all, time)
        const turned = [...all.slice(at), ...all.slice(0, at), ...all.slice(0, at)]
        const other = turned.reduce((profile, one) => withFindings(profile, [one], time), start)
        t.same(other, once)
        t.equal(withFindings(once, all, time), once, 'nothing new: the same object')
      }
    ),
    { numRuns: runs(30) }
  )
  const shape = {
    ...{
      abi: 'x86_64' as const,
      startup: [] as string[],
      serving: ['read'],
      values: ['5'],
      lost: 0
    },
    ...{ complete: true, ended: false, node: 'a' as const, events: ['start'] }
  }
  const three = ['1', '2', '3'].map((id, at) =>
    toFinding({ ...shape, id, names: [['read'], ['write'], ['mmap']][at] ?? [] })
  )
  const learn = (spec: SeccompProfile['spec']) =>
    withFindings({ ...profileOf('default', 'web'), spec }, three, time)
  t.same(learn({}).status?.observed, { x86_64: ['read', 'write'] }, 'sessions are apart')
  t.same(learn({}).status?.sessions, { x86_64: ['mmap'] })
  t.same(learn({}).status?.probes, { x86_64: ['write'] })
  t.same(learn({ learn: { probes: false } }).status?.observed, { x86_64: ['read'] })
  const chosen = withFindings({ ...learn({}), spec: { learn: { sessions: true } } }, three, time)
  t.same(chosen.status?.observed, { x86_64: ['mmap', 'read', 'write'] }, 'a choice made later')
  const [entry] = learn({}).status?.instances ?? []
  t.same(fromBitmap('x86_64', entry?.observed?.x86_64 ?? ''), ['read'])
  matchLists(t, entry, {
    part: 'entry',
    runtime: 'runc 1.1.5',
    kernel: '6.18.0',
    events: ['start']
  })
  matchLists(t, learn({}).status?.conditions, [{ message: /^2 syscalls observed in 1 instance,/ }])
  validateObject(learn({}), 'learned')
  const many = Array.from({ length: 200 }, (_, n) =>
    toFinding({ ...shape, id: `1-${n}`, names: ['read'], ended: n > 3 })
  )
  const began = '2026-11-23T10:00:00.000Z'
  const early = [toFinding({ ...shape, id: '1', names: ['read'], ended: true })].map((one) => ({
    ...one,
    finding: { ...one.finding, firstSeen: began, lastSeen: began }
  }))
  const bounded = withFindings(profileOf('default', 'web'), many, time)
  t.equal(bounded.status?.lastNew, time)
  const later = withFindings(bounded, many.slice(0, 1), '2026-11-25T10:00:00.000Z')
  t.equal(later.status?.lastNew, time, 'nothing new: the clock of quiet goes on')
  t.equal(bounded.status?.instances?.length, mostInstances)
  matchLists(t, bounded.status?.conditions, [{ type: 'Learning', reason: 'InstancesRunning' }])
  const first = sightingsOf(withFindings(profileOf('default', 'web'), [...early, ...many], time))
  t.equal(
    first.get('read')?.first,
    began,
    'also after the instance that used it first is forgotten'
  )
  const last = toFinding({ ...shape, id: '1', names: ['read'], ended: true })
  matchLists(t, withFindings(learn({}), [last], time).status?.conditions, [
    { type: 'Learning', status: 'True', reason: 'InstancesRunning' }
  ])
  const over = withFindings(profileOf('default', 'web'), [last], time)
  matchLists(t, over.status?.conditions, [
    { type: 'Learning', status: 'False', reason: 'InstancesEnded' }
  ])
  t.end()
})
