import { test } from 'tap'
import type { Observation } from '../../../../src/api/gen/hub.js'
import { ObservationIntake } from '../../../../webhook/hub/observations/observation-intake.js'
import type { Session } from '../../../../webhook/hub/stream/session.js'
import { until } from '../../../helpers/until.js'
import { observationOf } from '../rig.js'

function sessionOf(node: string, told: string[]): Session {
  return {
    node,
    hold: () => told.push(`hold ${node}`),
    release: () => told.push(`release ${node}`)
  } as unknown as Session
}

/** An intake that takes its time for each observation, so that one turn is too short for all. */
function slowIntake() {
  const taken: string[] = []
  const intake = new ObservationIntake((_session: Session, { id }: Observation) => {
    for (const until = performance.now() + 0.02; performance.now() < until; );
    taken.push(id)
  })
  return { intake, taken }
}

test('everything is taken in its order, in several turns', async (t) => {
  const { intake, taken } = slowIntake()
  const session = sessionOf('n1', [])
  let turns = 0
  const count = (): void => {
    turns += 1
    if (intake.load().waiting > 0) setImmediate(count)
  }
  const ids = Array.from({ length: 1500 }, (_, nth) => `n1/b/${nth}`)
  for (const id of ids) intake.offer(session, observationOf(id, ['read']), 100)
  t.same(taken, [], 'nothing at once')
  setImmediate(count)
  await intake.settled()
  t.same(taken, ids)
  t.ok(turns > 1, 'others had their turns meanwhile')
})

test('of many that were slowed down only as many go on as there is room for, the first ones first', async (t) => {
  const { intake } = slowIntake()
  const told: string[] = []
  const sessions = Array.from({ length: 200 }, (_, nth) => sessionOf(String(nth), told))
  for (let nth = 0; nth < 2001; nth += 1)
    intake.offer(sessionOf('first', []), observationOf(`first/b/${nth}`, ['read']), 100)
  for (const session of sessions) intake.offer(session, observationOf('n/b/1', ['read']), 100)
  told.length = 0
  const most: number[] = []
  let before = 0
  const watch = (): void => {
    most.push(told.length - before)
    before = told.length
    if (told.length < sessions.length) setImmediate(watch)
  }
  setImmediate(watch)
  await until('everybody to go on', () => (told.length === sessions.length ? true : undefined))
  t.same(
    told,
    [...told].sort((a, b) => Number(a.slice(8)) - Number(b.slice(8)))
  )
  t.ok(Math.max(...most) <= 32, 'messages of 64 observations at most fill what is free')
})

test('a few large observations slow a satellite down as many small ones do', async (t) => {
  const { intake, taken } = slowIntake()
  const told: string[] = []
  const large = sessionOf('large', told)
  const offer = (nth: number): void =>
    intake.offer(large, observationOf(`large/b/${nth}`, ['read']), 1 << 20)
  for (let nth = 0; nth < 64; nth += 1) offer(nth)
  t.same(told, [], '64 MiB may wait')
  offer(64)
  t.same(told, ['hold large'])
  await until('it to go on', () => (told.length === 2 ? true : undefined))
  t.equal(told[1], 'release large')
  await intake.settled()
  t.equal(taken.length, 65)
  for (let nth = 0; nth < 64; nth += 1) offer(nth)
  t.equal(told.length, 2, 'what was taken does not count')
  await intake.settled()
})

test('what comes while a hub stops does not keep it', async (t) => {
  const { intake, taken } = slowIntake()
  const session = sessionOf('n1', [])
  let isOver = false
  const more = (): void => {
    for (let nth = 0; nth < 500; nth += 1)
      intake.offer(session, observationOf(`n1/b/${nth}`, ['read']), 100)
    if (!isOver) setImmediate(more)
  }
  more()
  await intake.settled()
  isOver = true
  t.ok(taken.length >= 500)
})

test('satellites that send more than can be taken are slowed down, not the others', async (t) => {
  const { intake, taken } = slowIntake()
  const told: string[] = []
  const [quiet, loud] = [sessionOf('quiet', told), sessionOf('loud', told)]
  intake.offer(quiet, observationOf('quiet/b/1', ['read']), 100)
  for (let nth = 0; nth < 2500; nth += 1)
    intake.offer(loud, observationOf(`loud/b/${nth}`, ['read']), 100)
  t.same(told, ['hold loud'])
  t.same(intake.load(), { waiting: 2501, slowed: 1 })
  await intake.settled()
  t.same(told, ['hold loud', 'release loud'], 'and go on when there is room')
  t.equal(taken.length, 2501)
})
