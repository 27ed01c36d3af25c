import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { openDirectoryStore } from '../../../src/store/directory.js'
import { fillStore, nameOf } from './many-profiles.js'

const [few, many] = [100, 400]
const most = 1.3
/** Rounds that are measured, and those in which a busy machine may still show less. */
const [rounds, mostRounds] = [6, 30]

async function filled(t: Test, count: number): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'secco-cost-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  await fillStore(dir, count)
  return dir
}

/** CPU time in ms, which what runs beside it changes less than the time on the clock. */
async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/**
 * Returns how many times as much the second folder takes, of the least of several rounds for each. They are measured in turns:
 * what disturbs one disturbs the other.
 */
async function ratioOf(
  folders: readonly [string, string],
  work: (dir: string) => Promise<unknown>,
  enough: number
): Promise<number> {
  const least: [number, number] = [Infinity, Infinity]
  for (let round = 0; round < mostRounds; round += 1) {
    for (const at of [0, 1] as const)
      least[at] = Math.min(least[at], await cpuOf(() => work(folders[at])))
    if (round + 1 >= rounds && least[1] / least[0] <= enough) break
  }
  return least[1] / least[0]
}

test('directory: what one profile costs does not grow with their number', async (t) => {
  const folders = [await filled(t, few), await filled(t, many)] as const
  const reading: [what: string, read: (dir: string) => Promise<number>][] = [
    [
      'a list',
      async (dir) => {
        const store = await openDirectoryStore(dir)
        const { length } = await store.list('SeccompProfile')
        await store.close()
        return length
      }
    ],
    [
      'a watch',
      async (dir) => {
        const store = await openDirectoryStore(dir)
        let count = 0
        await store.watch(() => (count += 1))
        await store.close()
        return count
      }
    ]
  ]
  for (const [what, read] of reading) {
    t.same([await read(folders[0]), await read(folders[1])], [few, many], what)
    const share = many / few
    const ratio = (await ratioOf(folders, read, most * share)) / share
    t.ok(ratio <= most, `${what}: ${ratio.toFixed(2)} times as much for each of ${many}`)
  }
})

test('directory: one command opens one object, however many there are', async (t) => {
  const folders = [await filled(t, few), await filled(t, many)] as const
  const work = async (dir: string) => {
    for (let nth = 0; nth < 20; nth += 1) {
      const store = await openDirectoryStore(dir)
      const ref = { namespace: 'shop', name: nameOf(nth) }
      await store.update('SeccompProfile', ref, (profile) => {
        const reason = `${Math.random()}`
        const approval = { by: 'anna', at: '2026-11-20T10:00:00Z', reason, revision: 'r' }
        return { ...profile, status: { ...profile.status, approvals: [approval] } }
      })
      await store.close()
    }
  }
  const ratio = await ratioOf(folders, work, most)
  t.ok(ratio <= most, `${ratio.toFixed(2)} times as much beside ${many}`)
})
