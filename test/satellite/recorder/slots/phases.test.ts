import { test } from 'tap'
import { Phases, eventsOf, readyAfterMs } from '../../../../satellite/recorder/slots/phases.js'

const countsOf = (counts: Record<string, number>) => [
  {
    abi: 'x86_64',
    syscalls: Object.entries(counts).map(([name, count]) => ({
      ...{ name, count, action: '', detail: undefined }
    }))
  }
]

test('an instance is ready once it waits for work', (t) => {
  const lives: [what: string, looks: Record<string, number>[], readyAt: number][] = [
    ['it listens and waits', [{ mmap: 1 }, { listen: 1, epoll_wait: 1 }], 1],
    ['it listens, and did not wait since', [{ poll: 3 }, { poll: 3, listen: 1 }], -1],
    ['it waits, and does not listen', [{ epoll_pwait: 9 }, { epoll_pwait: 17 }], -1],
    ['it accepts', [{ accept4: 1 }], 0],
    ['it waits again after it listened', [{ poll: 3 }, { poll: 4, listen: 1 }], 1]
  ]
  for (const [what, looks, readyAt] of lives) {
    const one = new Phases(true, String)
    const at = looks.findIndex((counts) => one.update(countsOf(counts), countsOf(counts), 10))
    t.equal(at, readyAt, what)
  }
  const services: [what: string, polls: [Record<string, number>, number][], served: boolean][] = [
    [
      'it listens, and nobody connects',
      [
        [{ listen: 1, epoll_wait: 1 }, 10],
        [{ listen: 1, epoll_wait: 1 }, 20]
      ],
      false
    ],
    [
      'it worked after it waited',
      [
        [{ listen: 1, epoll_wait: 1 }, 10],
        [{ listen: 1, epoll_wait: 2 }, 20]
      ],
      true
    ],
    ['it accepted before it was first polled', [[{ listen: 1, accept4: 1, read: 1 }, 10]], true],
    [
      'a batch program that is old',
      [
        [{ read: 1 }, readyAfterMs],
        [{ read: 2 }, 2 * readyAfterMs]
      ],
      false
    ],
    [
      'a service that starts slowly',
      [
        [{ read: 1 }, readyAfterMs],
        [{ read: 2, accept: 1 }, 2 * readyAfterMs]
      ],
      true
    ]
  ]
  for (const [what, polls, served] of services) {
    const one = new Phases(true, String)
    for (const [counts, age] of polls) one.update(countsOf(counts), countsOf(counts), age)
    t.equal(one.served, served, what)
  }
  const blocked = new Phases(true, String)
  blocked.update(countsOf({ listen: 1 }), countsOf({ listen: 1, accept4: 1 }), 10)
  t.ok(blocked.ready)
  t.notOk(blocked.served, 'it waits in accept: nobody connected')
  t.same(eventsOf({ complete: true, serves: true, ending: undefined, probed: true }), [
    'start',
    'serve',
    'probe'
  ])
  for (const ending of ['stop', 'killed', 'killed SIGSYS', 'ended'] as const)
    t.same(eventsOf({ complete: false, serves: false, ending, probed: false }), [ending])
  t.end()
})
