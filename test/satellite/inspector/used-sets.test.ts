import { test } from 'tap'
import { createUsedSets } from '../../../satellite/inspector/used-sets.js'
import { syscallNumber } from '../../../src/syscalls/syscall-table.js'
import { observationOf } from '../../webhook/hub/rig.js'

function namesIn(set: ReturnType<ReturnType<typeof createUsedSets>['of']>, names: string[]) {
  const [one] = set?.abis ?? []
  return names.filter((name) => {
    const nr = syscallNumber('x86_64', name) ?? 0
    return ((one?.bitmap[nr >> 3] ?? 0) & (1 << (nr & 7))) !== 0
  })
}

test('what a container used: its parts together, without calls that were denied every time', (t) => {
  const sets = createUsedSets()
  const denied = (name: string, count: number, action = 'SCMP_ACT_ERRNO') => ({
    ...{ name, count, action, detail: undefined }
  })
  const names = ['read', 'mount', 'bpf', 'sysinfo', 'write']
  const set = sets.take(
    'c@1',
    observationOf('n/1', ['read', 'mount', 'bpf', 'sysinfo'], {
      denied: [denied('mount', 1), denied('sysinfo', 1, 'SCMP_ACT_LOG')]
    })
  )
  t.same(namesIn(set, names), ['read', 'bpf', 'sysinfo'])
  sets.take('c@1', observationOf('n/1.probe', ['write'], { part: 'probe', complete: false }))
  t.same(namesIn(sets.of('c@1'), names), ['read', 'bpf', 'sysinfo', 'write'])
  t.equal(sets.of('c@1')?.complete, false, 'as complete as the least complete part')
  sets.forget('c@1')
  t.equal(sets.of('c@1'), undefined)
  t.end()
})

test('a set is complete only with one entry point: a container can make more of them', (t) => {
  const table: [string, string, [id: string, complete: boolean][], boolean][] = [
    ['from its first instruction', 'entry', [['n/1', true]], true],
    [
      'its program begins later',
      'entry',
      [
        ['n/1', false],
        ['n/1', true]
      ],
      true
    ],
    ['it was adopted', 'entry', [['n/1', false]], false],
    [
      'it was adopted, and has another mount namespace',
      'entry',
      [
        ['n/1', false],
        ['n/2', true]
      ],
      false
    ],
    [
      'the same, which is seen first',
      'entry',
      [
        ['n/2', true],
        ['n/1', false]
      ],
      false
    ],
    [
      'and then again',
      'entry',
      [
        ['n/2', true],
        ['n/1', false],
        ['n/2', true]
      ],
      false
    ],
    [
      'from its first instruction, and then another',
      'entry',
      [
        ['n/1', true],
        ['n/2', true]
      ],
      false
    ],
    [
      'two probes',
      'probe',
      [
        ['n/1.probe', true],
        ['n/2.probe', true]
      ],
      true
    ]
  ]
  for (const [what, part, seen, complete] of table) {
    const sets = createUsedSets()
    for (const [id, whole] of seen)
      sets.take('c@1', observationOf(id, ['read'], { part, complete: whole }))
    t.equal(sets.of('c@1')?.complete, complete, what)
  }
  t.end()
})
