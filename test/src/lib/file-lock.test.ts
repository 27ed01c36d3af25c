import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Test, test } from 'tap'
import { sweepTemporary } from '../../../src/lib/durable-file.js'
import { sweepLock, withFileLock } from '../../../src/lib/file-lock.js'
import { ownIdentity, type ProcessIdentity } from '../../../src/lib/process-identity.js'
import { runs } from '../../helpers/fuzz.js'
import { until } from '../../helpers/until.js'

const program = fileURLToPath(new URL('./lock-user.js', import.meta.url))
const env = { ...process.env, NODE_OPTIONS: '' }

const inFolder = (t: Test) => {
  const dir = t.testdir({ store: {} })
  return { store: join(dir, 'store'), path: join(dir, 'store', '.lock-web'), log: join(dir, 'log') }
}

const ofDead = { ...ownIdentity(), start: '0' }

/** Leaves a lock as a process does that was killed while it had it. */
function leaveLock(path: string, owner: Partial<ProcessIdentity>): void {
  const { pid, start, boot, space } = owner
  mkdirSync(path)
  const text = pid === undefined ? '' : [pid, start, boot, space].join('\n')
  writeFileSync(join(path, '0123456789ab'), text)
}

const takenAtOnce = async (path: string) => withFileLock(path, 0, () => Promise.resolve(true))

test('a lock that is taken is awaited, and names its owner when it takes too long', async (t) => {
  const { store, path } = inFolder(t)
  const order: string[] = []
  await Promise.all(
    ['a', 'b', 'c'].map(async (name) =>
      withFileLock(path, 10_000, async () => {
        order.push(name)
        await delay(5)
        order.push(name)
      })
    )
  )
  for (let n = 0; n < 6; n += 2) t.equal(order[n], order[n + 1], order.join(' '))
  await withFileLock(path, 0, async () => {
    const message = new RegExp(`held by pid ${process.pid}`)
    await t.rejects(takenAtOnce(path), { code: 'STORE_LOCKED', message })
    await sweepLock(path)
    t.ok(existsSync(path), 'a lock of a live process is not swept')
  })
  await t.rejects(
    withFileLock(path, 0, async () => Promise.reject(new Error('failed'))),
    { message: 'failed' }
  )
  t.same(readdirSync(store), [])
  await t.rejects(takenAtOnce(join(store, 'none', '.lock')), { code: 'WRITE_FAILED' })
})

const left: [what: string, leave: (path: string) => void][] = [
  ['of a dead process', (path) => leaveLock(path, ofDead)],
  ['of another boot', (path) => leaveLock(path, { ...ownIdentity(), boot: 'another' })],
  ['that a power cut garbled', (path) => leaveLock(path, {})],
  ['that is free', (path) => mkdirSync(path)],
  [
    'of an earlier release',
    (path) => {
      const { pid, start, boot, space } = ofDead
      writeFileSync(path, [pid, start, boot, space, '0123456789ab'].join('\n'))
    }
  ]
]

test('a lock that was left is taken at once, or swept', async (t) => {
  for (const [what, leave] of left) {
    const { store, path } = inFolder(t)
    leave(path)
    t.ok(await takenAtOnce(path), what)
    t.same(readdirSync(store), [], what)
    leave(path)
    await sweepLock(path)
    t.same(readdirSync(store), [], `${what}, swept`)
  }
})

test('what is no lock is left alone, whatever a link at its place leads to', async (t) => {
  const { store, path } = inFolder(t)
  const others = join(store, '..', 'others')
  mkdirSync(others)
  for (const name of ['id_rsa', '0123456789ab']) writeFileSync(join(others, name), '')
  symlinkSync(others, path)
  await sweepLock(path)
  await t.rejects(takenAtOnce(path), { code: 'WRITE_FAILED', message: /is in the place of a lock/ })
  t.same(readdirSync(others), ['0123456789ab', 'id_rsa'])
  rmSync(path)
  mkdirSync(path)
  writeFileSync(join(path, 'note.txt'), '')
  await t.rejects(takenAtOnce(path), { code: 'STORE_LOCKED' })
  t.same(readdirSync(path), ['note.txt'])
})

test('the owner of the folder can free a lock that root left', {
  skip: process.getuid?.() !== 0 && 'not root'
}, async (t) => {
  const { store, path } = inFolder(t)
  chownSync(store, 65534, 65534)
  const { uid } = await withFileLock(path, 0, () => Promise.resolve(statSync(path)))
  t.equal(uid, 65534)
})

test('a lock of another pid namespace is left alone', async (t) => {
  const { path } = inFolder(t)
  leaveLock(path, { ...ownIdentity(), space: 'pid:[1]' })
  await t.rejects(takenAtOnce(path), { code: 'STORE_LOCKED' })
  await sweepLock(path)
  t.same(readdirSync(path), ['0123456789ab'])
})

test('whenever a process is killed, the next one takes the lock, and nothing stays', async (t) => {
  let killed = 0
  for (let signal: NodeJS.Signals | null = 'SIGKILL'; signal === 'SIGKILL'; ) {
    const { store, path, log } = inFolder(t)
    leaveLock(path, ofDead)
    const step = String(killed + 1)
    signal = spawnSync(process.execPath, [program, path, log, 'kill', step], { env }).signal
    if (signal === 'SIGKILL') killed += 1
    t.ok(await takenAtOnce(path), `step ${step}`)
    await sweepTemporary(store, 0)
    t.same(readdirSync(store), [], `step ${step}`)
  }
  t.ok(killed >= 6, `killed before each of ${killed} steps`)
})

/** Returns the lines of a log that show somebody who came in before the other one went out. */
function wrongTurns(log: string): string[] {
  const lines = readFileSync(log, 'utf8').trim().split('\n')
  return lines.filter((line, n) => n % 2 === 1 && line !== lines[n - 1]?.replace('in', 'out'))
}

/** Starts a program that stands still before the given call; undefined when it ended before it came so far. */
async function startStopped({ path, log }: ReturnType<typeof inFolder>, step: number) {
  const args = [program, path, log, 'stop', String(step)]
  const child = spawn(process.execPath, args, { env, stdio: 'ignore' })
  const closed = once(child, 'close')
  const state = () => readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.[0]
  const { isStopped } = await until('the child stands still or ends', () => {
    if (child.exitCode !== null) return { isStopped: false }
    return state() === 'T' ? { isStopped: true } : undefined
  })
  return isStopped ? { child, closed } : undefined
}

test('whenever a process stands still, it does not enter while another one has the lock', async (t) => {
  let taken = 0
  for (let step = 1; ; step += 1) {
    const folder = inFolder(t)
    leaveLock(folder.path, ofDead)
    const started = await startStopped(folder, step)
    if (started === undefined) break
    await withFileLock(folder.path, 0, async () => {
      taken += 1
      appendFileSync(folder.log, 'in parent\n')
      started.child.kill('SIGCONT')
      await Promise.race([started.closed, delay(60)])
      appendFileSync(folder.log, 'out parent\n')
    }).catch(() => started.child.kill('SIGCONT'))
    await started.closed
    t.same(wrongTurns(folder.log), [], `step ${step}`)
  }
  t.ok(taken >= 6, `${taken} times the lock was taken meanwhile`)
})

test('a lock is not taken by a folder that a sweep has emptied', async (t) => {
  let emptied = 0
  for (let step = 1; ; step += 1) {
    const folder = inFolder(t)
    const started = await startStopped(folder, step)
    if (started === undefined) break
    const making = readdirSync(folder.store).find((name) => name.startsWith('.tmp-')) ?? '.'
    const inside = readdirSync(join(folder.store, making)).find((name) => !name.startsWith('.'))
    if (inside !== undefined) rmSync(join(folder.store, making, inside))
    started.child.kill('SIGCONT')
    const [code] = (await started.closed) as [number]
    if (inside === undefined) continue
    emptied += 1
    t.not(code, 0)
    t.notOk(existsSync(folder.log), `step ${step}`)
    t.ok(await takenAtOnce(folder.path))
  }
  t.equal(emptied, 1, 'before the rename')
})

test('processes that break stale locks at once exclude each other', async (t) => {
  const { store, path, log } = inFolder(t)
  leaveLock(path, ofDead)
  const takings = 4
  const rounds = runs(3)
  const signals: unknown[] = []
  const lane = async () => {
    for (let round = 0; round < rounds; round += 1) {
      const child = spawn(process.execPath, [program, path, log, 'held', String(takings)], { env })
      signals.push((await once(child, 'close'))[1])
    }
  }
  await Promise.all([lane(), lane(), lane()])
  t.same(new Set(signals), new Set(['SIGKILL']))
  t.equal(readFileSync(log, 'utf8').trim().split('\n').length, 3 * rounds * takings * 2)
  t.same(wrongTurns(log), [])
  t.ok(await takenAtOnce(path))
  await sweepTemporary(store, 0)
  t.same(readdirSync(store), [])
})
