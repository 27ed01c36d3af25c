import { test } from 'tap'
import { mergeBlocks } from '../../../../cli/hubs/merge/block.js'
import { mergeRadii } from '../../../../cli/hubs/merge/radius.js'
import type { Radius } from '../../../../webhook/confinement/what-if/blast-radius.js'
import { matchLists } from '../../../helpers/match-lists.js'

const denial = (syscall: string, count: number) => ({
  ...{ abi: 'x86_64' as const, syscall, argument: '', count, certain: true }
})

const hitOf = (node: string, name: string, ...denied: ReturnType<typeof denial>[]) => ({
  ...{ key: `${node}/${name}`, node, namespace: 'shop', workload: `Deployment/${name}`, name },
  ...{ pod: name, since: '2026', denied }
})

test('a simulation over all hubs', (t) => {
  const one: Radius = {
    ...{ considered: 3, without: 1, hit: 1, ms: 2 },
    syscalls: [{ name: 'bpf', containers: 1, calls: 4 }],
    workloads: [
      {
        ...{ namespace: 'shop', workload: 'Deployment/web', containers: 1, calls: 4 },
        syscalls: ['bpf']
      }
    ],
    containers: [hitOf('n1', 'web', denial('bpf', 4))]
  }
  const other: Radius = {
    ...{ considered: 2, without: 0, hit: 2, ms: 1 },
    syscalls: [
      { name: 'bpf', containers: 2, calls: 3 },
      { name: 'add_key', containers: 1, calls: 1 }
    ],
    workloads: [
      {
        ...{ namespace: 'shop', workload: 'Deployment/db', containers: 1, calls: 1 },
        syscalls: ['bpf']
      },
      {
        ...{ namespace: 'shop', workload: 'Deployment/web', containers: 1, calls: 3 },
        syscalls: ['add_key', 'bpf']
      }
    ],
    containers: [
      hitOf('n2', 'db', denial('bpf', 1)),
      hitOf('n2', 'web', denial('bpf', 2), denial('add_key', 1))
    ]
  }
  t.strictSame(mergeRadii([one]), one, 'of one hub: as it is')
  matchLists(t, mergeRadii([one, other]), {
    ...{ considered: 5, without: 1, hit: 3 },
    syscalls: [
      { name: 'bpf', containers: 3, calls: 7 },
      { name: 'add_key', containers: 1, calls: 1 }
    ],
    workloads: [
      { workload: 'Deployment/web', containers: 2, calls: 7, syscalls: ['add_key', 'bpf'] },
      { workload: 'Deployment/db', containers: 1, calls: 1 }
    ],
    containers: { length: 3 }
  })
  const moved: Radius = { ...one, containers: [hitOf('n1', 'web', denial('bpf', 5))] }
  const later = {
    ...moved,
    syscalls: [{ name: 'bpf', containers: 1, calls: 5 }],
    workloads: [{ ...one.workloads[0], calls: 5 } as Radius['workloads'][number]]
  }
  for (const both of [
    [one, later],
    [later, one]
  ]) {
    matchLists(
      t,
      mergeRadii(both),
      {
        ...{ considered: 5, hit: 1, syscalls: [{ containers: 1, calls: 5 }] },
        workloads: [{ containers: 1, calls: 5 }],
        containers: [{ denied: [{ count: 5 }] }]
      },
      'a container that two hubs list counts once'
    )
  }
  const row = (key: string) => ({
    ...{ key, name: key, node: 'n', workload: 'w', command: 'c', pod: key, namespace: 'shop' }
  })
  const users = { ...one, hit: 0, considered: 0, syscalls: [], workloads: [], containers: [] }
  matchLists(
    t,
    mergeBlocks([
      { users, total: 4, done: 50, beyond: 1, restart: [row('a'), row('b')] },
      { users, total: 3, done: 66, beyond: 2, restart: [row('b')] }
    ]),
    { total: 6, done: 66, beyond: 3, restart: [{ key: 'a' }, { key: 'b' }] }
  )
  t.match(mergeBlocks([{ users, total: 0, done: 100, beyond: 0, restart: [] }]), { done: 100 })
  t.end()
})
