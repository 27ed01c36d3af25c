import { test } from 'tap'
import { createBucket, createPace } from '../../../src/lib/pace.js'

test('a bucket gives its burst at once, then its rate, and never more than its burst', (t) => {
  const bucket = createBucket(2, 3)
  const takeAll = (nowMs: number) => {
    let taken = 0
    while (taken < 100 && bucket.take(nowMs)) taken += 1
    return taken
  }
  t.equal(takeAll(0), 3)
  t.equal(takeAll(0), 0)
  t.equal(takeAll(499), 0)
  t.equal(takeAll(500), 1)
  t.equal(takeAll(1500), 2)
  t.equal(takeAll(1_000_000), 3, 'an hour does not fill it further')
  t.equal(takeAll(1_000_000), 0, 'what it rejected costs nothing later')
  t.end()
})

test('a clock that is set back takes nothing away', (t) => {
  const bucket = createBucket(1, 2)
  t.ok(bucket.take(1_000_000))
  t.ok(bucket.take(0), 'an hour earlier')
  t.notOk(bucket.take(0))
  t.ok(bucket.take(1000), 'and it fills from there')
  const pace = createPace(1, 2)
  t.equal(pace.take(1_000_000), 0)
  t.equal(pace.take(0), 0)
  t.equal(pace.take(0), 1000)
  t.end()
})

test('a pace reports how long to wait, and what is taken nevertheless is owed', (t) => {
  const pace = createPace(10, 2)
  t.same(
    [0, 0, 0, 0].map((at) => pace.take(at)),
    [0, 0, 100, 200]
  )
  t.equal(pace.take(200), 100, 'two were paid back, one more was taken')
  t.equal(pace.take(10_000), 0)
  t.equal(pace.take(10_000), 0)
  t.equal(pace.take(10_000), 100)
  t.end()
})
