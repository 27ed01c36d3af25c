import { test } from 'tap'
import { forEachAtOnce } from '../../../src/lib/at-once.js'

test('forEachAtOnce works on some items at once, and ends with the first error', async (t) => {
  let [running, most] = [0, 0]
  const done: number[] = []
  const work = async (item: number): Promise<void> => {
    most = Math.max(most, (running += 1))
    await new Promise((resolve) => setImmediate(resolve))
    running -= 1
    done.push(item)
  }
  await forEachAtOnce([1, 2, 3, 4, 5], 2, work)
  t.same([most, done.sort()], [2, [1, 2, 3, 4, 5]])
  await forEachAtOnce([], 3, () => Promise.reject(new Error('never')))

  const begun: number[] = []
  const failing = forEachAtOnce([1, 2, 3, 4, 5, 6], 2, async (item) => {
    begun.push(item)
    await new Promise((resolve) => setImmediate(resolve))
    if (item === 2) throw new Error('two')
  })
  await t.rejects(failing, { message: 'two' })
  t.notMatch(begun.join(), /[456]/, 'nothing more begins')
})
