import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { toBitmap } from '../../../../src/syscalls/bitmap.js'
import { completenessOf } from '../../../../src/seccomp/review/completeness.js'
import {
  entryInstances,
  evidenceOf,
  type Instance,
  newestImage
} from '../../../../src/seccomp/review/evidence.js'
import { startupOnly } from '../../../../src/seccomp/review/startup-only.js'
import { seen, start, profileOf, instance, hour } from '../../../helpers/instances.js'

test('evidence, item by item', (t) => {
  const items = (profile: SeccompProfile, now = start + 2 * hour) =>
    Object.fromEntries(evidenceOf(profile, now).map((each) => [each.item, each]))
  const bare = items(profileOf({}))
  t.same(
    Object.values(bare)
      .filter(({ ok }) => ok)
      .map(({ item }) => item),
    ['lost'],
    'nothing seen speaks for nothing'
  )
  for (const { ok, next, item } of Object.values(bare))
    t.equal(ok, next === undefined, `${item}: what to do`)
  const all = seen(Array.from({ length: 6 }, () => ['read', 'write']))
  const events = ['start', 'serve', 'reload', 'stop', 'probe']
  const full = {
    ...all,
    status: {
      ...all.status,
      instances: (all.status?.instances ?? []).map((one) => ({ ...one, events }))
    }
  }
  t.same(
    Object.values(items(full)).filter(({ ok }) => !ok),
    []
  )
  const cases: {
    name: string
    item: string
    change: (one: Instance, n: number) => Partial<Instance>
  }[] = [
    { name: 'not from the first instruction', item: 'whole', change: () => ({ complete: false }) },
    { name: 'one node', item: 'nodes', change: () => ({ node: 'a' }) },
    {
      name: 'a new image, once',
      item: 'image',
      change: (_, n) => (n === 5 ? { image: 'web:2' } : {})
    },
    { name: 'lost', item: 'lost', change: (_, n) => (n === 0 ? { lost: 1 } : {}) },
    {
      name: 'never reloaded',
      item: 'reload',
      change: () => ({ events: ['start', 'serve', 'stop', 'probe'] })
    },
    { name: 'probes only', item: 'instances', change: () => ({ part: 'probe' }) }
  ]
  for (const { name, item, change } of cases) {
    const instances = full.status.instances.map((one, n) => ({ ...one, ...change(one, n) }))
    t.match(
      items({ ...full, status: { ...full.status, instances } })[item],
      { ok: false, next: /./ },
      name
    )
  }
  const few = (change: Partial<Instance>[]) =>
    items({
      ...full,
      status: {
        ...full.status,
        instances: change.map((one, n) => ({ ...instance(n, ['read']), ...one }))
      }
    })['whole']
  t.match(few([{}]), {
    ok: false,
    detail: '1 of 1 from the first instruction',
    next: /none was first seen late so far/
  })
  t.match(few([{}, { complete: false }]), {
    ok: false,
    detail: '1 of 2 from the first instruction',
    next: /^restart it .*: 1 instance ran already/
  })
  t.match(items(full, start + 60_000)['quiet'], { ok: false, detail: 'nothing new for 60s' })
  t.match(
    items({
      ...full,
      status: { ...full.status, instances: [{ ...instance(0, ['read']), lost: 1 }] }
    })['lost'],
    {
      detail: '1 event lost'
    }
  )
  t.equal(
    newestImage([instance(3, [], { image: 'new' }), instance(1, [], { image: 'old' })]),
    'new'
  )

  const phased = Array.from({ length: 6 }, (_, n) =>
    instance(n, ['execve', 'read', n === 0 ? 'chdir' : 'read'], {
      serving: { x86_64: toBitmap('x86_64', n < 2 ? ['read', 'sendto'] : ['read']) }
    })
  )
  const { estimate } = completenessOf(profileOf({}, { instances: phased }), start)
  t.match(estimate.startup, { seen: 2, once: 1 }, 'execve and chdir')
  t.match(estimate.serving, { seen: 2, once: 0, twice: 1 }, 'read and sendto')
  t.end()
})

test('a restart of Secco is no instance', (t) => {
  const at = (id: string, n: number, complete: boolean) => ({
    ...instance(n, ['read'], { complete }),
    id
  })
  // [what, instances, how many count]
  const table: [string, Parameters<typeof at>[], number][] = [
    [
      'two containers',
      [
        ['n1/b/1.2.1', 0, true],
        ['n1/b/3.4.1', 1, true]
      ],
      2
    ],
    [
      'one that was seen again',
      [
        ['n1/b/1.2.1', 0, true],
        ['n1/b/1.2.2', 1, false]
      ],
      1
    ],
    [
      '… and again',
      [
        ['n1/b/1.2.2', 1, false],
        ['n1/b/1.2.3', 2, false]
      ],
      1
    ],
    [
      'on another node',
      [
        ['n1/b/1.2.1', 0, true],
        ['n2/b/1.2.2', 1, false]
      ],
      2
    ],
    [
      'after the node restarted',
      [
        ['n1/b/1.2.1', 0, true],
        ['n1/c/1.2.1', 1, false]
      ],
      2
    ],
    [
      'the numbers are used again',
      [
        ['n1/b/1.2.1', 0, true],
        ['n1/b/1.2.2', 1, true]
      ],
      2
    ],
    [
      'without a cgroup the pid distinguishes',
      [
        ['n1/b/1.1.1.7', 0, true],
        ['n1/b/1.1.2.8', 1, false]
      ],
      2
    ],
    [
      'another form of id',
      [
        ['a', 0, true],
        ['b', 1, false]
      ],
      2
    ]
  ]
  for (const [what, given, count] of table) {
    const profile = profileOf({}, { instances: given.map((one) => at(...one)) })
    t.equal(entryInstances(profile).length, count, what)
  }
  t.end()
})

test('only start-up needs what nobody may have used afterwards', (t) => {
  const [startup, serving] = [{ x86_64: ['chdir', 'execve', 'read'] }, { x86_64: ['read'] }]
  const late = instance(1, ['chdir'], { complete: false })
  // [what, status, what only start-up needs]
  const table: [string, NonNullable<SeccompProfile['status']>, unknown][] = [
    ['not seen to serve', { startup }, undefined],
    ['not seen to start', { serving }, undefined],
    ['both', { startup, serving }, { x86_64: ['chdir', 'execve'] }],
    ['one was first seen late', { startup, serving, instances: [late] }, { x86_64: ['execve'] }]
  ]
  for (const [what, status, expected] of table)
    t.same(startupOnly(profileOf({}, status)), expected, what)
  t.end()
})
