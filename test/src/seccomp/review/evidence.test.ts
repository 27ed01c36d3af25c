import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { toBitmap } from '../../../../src/syscalls/bitmap.js'
import { completenessOf } from '../../../../src/seccomp/review/completeness.js'
import { entryInstances } from '../../../../src/seccomp/review/counted-instances.js'
import { evidenceOf, newestImage, servingSeen } from '../../../../src/seccomp/review/evidence.js'
import type { Instance } from '../../../../src/seccomp/review/evidence-item.js'
import { eventsOf } from '../../../../satellite/recorder/slots/phases.js'
import { startupOnly } from '../../../../src/seccomp/review/startup-only.js'
import { seen, start, profileOf, instance, hour } from '../../../helpers/instances.js'

test('evidence, item by item', (t) => {
  const items = (profile: SeccompProfile, now = start + 2 * hour) =>
    Object.fromEntries(evidenceOf(profile, now, [], []).map((each) => [each.item, each]))
  const bare = items(profileOf({}))
  t.same(
    Object.values(bare)
      .filter(({ ok }) => ok)
      .map(({ item }) => item),
    ['denied', 'lost'],
    'nothing seen speaks for nothing'
  )
  for (const { ok, next, item } of Object.values(bare))
    t.equal(ok, next === undefined, `${item}: what to do`)
  t.match(bare['kernels']?.next, /let it run/, 'no instance: no satellite is too old')
  const old = profileOf({}, { instances: [instance(0, ['read'], { kernel: '' })] })
  t.match(items(old)['kernels']?.next, /upgrade the satellites/)
  const all = seen(Array.from({ length: 6 }, () => ['read', 'write']))
  const events = ['start', 'serve', 'stop', 'probe']
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
  // What the recorder reports can give each phase that is asked for.
  const told = eventsOf({ complete: true, serves: true, ending: 'stop', probed: true })
  t.same([...told].sort(), [...events].sort())
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
      name: 'never stopped',
      item: 'stop',
      change: () => ({ events: ['start', 'serve', 'probe'] })
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
  const stopOf = (events: readonly string[][]) => {
    const instances = events.map((own, n) => ({ ...instance(n, ['read']), events: own }))
    return items({ ...full, status: { ...full.status, instances } })['stop']
  }
  const stops: [what: string, events: string[][], ok: boolean, detail: string][] = [
    ['they run', [['start'], ['start']], false, 'a stop not seen'],
    ['one ended by itself', [['killed'], ['stop']], true, 'a stop seen'],
    ['killed', [['killed'], ['killed']], false, 'a stop not seen: 2 instances killed (SIGKILL)'],
    ['unknown', [['ended'], []], false, 'a stop not seen: how 1 instance ended is not known'],
    [
      'crashed',
      [['killed SIGSEGV'], ['killed SIGSYS'], ['killed SIGSEGV'], ['killed']],
      false,
      'a stop not seen: 1 instance killed (SIGKILL), 2 instances killed (SIGSEGV), 1 instance killed (SIGSYS)'
    ],
    [
      'both',
      [['ended'], ['killed']],
      false,
      'a stop not seen: 1 instance killed (SIGKILL), how 1 instance ended is not known'
    ]
  ]
  for (const [what, events, ok, detail] of stops) t.match(stopOf(events), { ok, detail }, what)
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
      'created before its recorder was made again, and its program began later',
      [
        ['n1/b/1.2.1', 0, true],
        ['n1/b+lx2ab/1.2.1', 1, true]
      ],
      1
    ],
    [
      'the same, and the first recorder knew of no start',
      [
        ['n1/b/1.2.1', 0, false],
        ['n1/b+lx2ab/1.2.1', 1, true],
        ['n1/b+lx3ab/1.2.1', 2, false]
      ],
      1
    ],
    [
      'nodes with a plus sign in their names',
      [
        ['a+1/b/1.2.1', 0, false],
        ['a+2/b/1.2.1', 1, false],
        ['a+2/b+lx2ab/1.2.2', 2, false]
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
  const observed = { x86_64: ['accept4'] }
  // [what, status, what only start-up needs]
  const table: [string, NonNullable<SeccompProfile['status']>, unknown][] = [
    ['not seen to serve', { startup }, undefined],
    ['not seen to start', { serving }, undefined],
    ['ready by its age alone', { startup, serving }, undefined],
    ['both', { startup, serving, observed }, { x86_64: ['chdir', 'execve'] }],
    [
      'one was first seen late',
      { startup, serving, observed, instances: [late] },
      { x86_64: ['execve'] }
    ]
  ]
  for (const [what, status, expected] of table)
    t.same(startupOnly(profileOf({}, status)), expected, what)
  t.end()
})

test('serving is seen or not, by what instances reported and by what is recorded of it', (t) => {
  const served = instance(1, ['read'], { events: ['start', 'serve'] })
  const table: [string, NonNullable<SeccompProfile['status']>, boolean][] = [
    ['nothing', {}, false],
    ['an instance that served', { instances: [served] }, true],
    [
      'only instances that are not remembered',
      { observed: { x86_64: ['listen', 'read'] }, serving: { x86_64: ['read'] } },
      true
    ],
    [
      'a program that was old enough to be ready, and never listened',
      { observed: { x86_64: ['nanosleep', 'read'] }, serving: { x86_64: ['read'] } },
      false
    ]
  ]
  for (const [what, status, seen] of table) {
    const profile = profileOf({}, status)
    t.equal(servingSeen(profile), seen, what)
    const found = evidenceOf(profile, 0).find(({ item }) => item === 'serve')
    t.match(found, { ok: seen, detail: seen ? 'serving seen' : 'serving not seen' }, what)
  }
  t.end()
})
