import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { createLogger } from '../../../src/lib/log.js'
import {
  KeptSessions,
  type SessionStorage,
  sessionFile
} from '../../../webhook/access/kept-sessions.js'
import { localIdentity, localRights, type Rights } from '../../../webhook/access/rights.js'
import { until } from '../../helpers/until.js'

const logger = createLogger('test', { write: () => undefined })
const token = 'eyJhbGciOiJSUzI1NiIsImtpZCI6IiJ9.of-the-cluster'

/** The rights of a cluster in which one token is valid. */
const clusterRights = (isValid: () => boolean): Rights => ({
  kind: 'cluster',
  ofToken: (given) =>
    Promise.resolve(
      given === token && isValid()
        ? { ...localIdentity('vera', 'viewer'), proof: { token } }
        : undefined
    )
})

type Options = Partial<ConstructorParameters<typeof KeptSessions>[0]>

function hubOn(t: Test, storage: SessionStorage, options: Options = {}): KeptSessions {
  const kept = new KeptSessions({
    ...{ storage, rights: localRights('secret'), now: () => Date.now(), logger, retryMs: 5 },
    ...options
  })
  t.teardown(() => kept.close())
  return kept
}

/** Storage in memory, as several hubs share it, that can be made to fail. */
function sharedStorage(): SessionStorage & {
  text: string | undefined
  isDown: boolean
  writes: number
} {
  const shared = {
    text: undefined as string | undefined,
    isDown: false,
    writes: 0,
    read: () => (shared.isDown ? Promise.reject(new Error('away')) : Promise.resolve(shared.text)),
    write: (text: string) => {
      if (shared.isDown) return Promise.reject(new Error('away'))
      shared.text = text
      shared.writes += 1
      return Promise.resolve()
    }
  }
  return shared
}

test('a restart of the hub logs nobody out; who logged out stays out', async (t) => {
  const path = join(t.testdir(), 'sessions.json')
  const before = hubOn(t, sessionFile(path))
  const admin = before.sessions.open(localIdentity('anna', 'admin'))
  const viewer = before.sessions.open(localIdentity('vera', 'viewer'))
  const out = before.sessions.open(localIdentity('otto', 'admin'))
  before.sessions.close(out)
  await before.close()
  t.equal((await stat(path)).mode & 0o777, 0o600)
  const text = await readFile(path, 'utf8')
  for (const secret of [admin, viewer, out, 'anna', 'vera']) t.notMatch(text, secret)

  const after = hubOn(t, sessionFile(path))
  const identity = await after.sessions.find(admin)
  t.equal(identity?.user, 'anna')
  t.equal(await identity?.can('approve', 'seccompprofiles'), true)
  const reader = await after.sessions.find(viewer)
  t.equal(reader?.user, 'vera')
  t.equal(await reader?.can('approve', 'seccompprofiles'), false, 'a viewer stays one')
  t.equal(await after.sessions.find(out), undefined)
  t.equal(await after.sessions.find('unknown'), undefined)
})

test('a hub that is killed has stored what it opened', async (t) => {
  const path = join(t.testdir(), 'sessions.json')
  const id = hubOn(t, sessionFile(path)).sessions.open(localIdentity('anna', 'admin'))
  await until('the session to be stored', () => stat(path))
  t.equal((await hubOn(t, sessionFile(path)).sessions.find(id))?.user, 'anna')
})

test('stored sessions end as others do', async (t) => {
  const hour = 3_600_000
  let now = Date.now()
  const storage = sharedStorage()
  const before = hubOn(t, storage, { now: () => now })
  const id = before.sessions.open(localIdentity('anna', 'admin'))
  await until('it to be stored', () => storage.writes === 1 || undefined)
  now += 11 * hour
  await before.sessions.find(id)
  await until('its use to be stored', () => storage.writes === 2 || undefined)
  await before.sessions.find(id)
  t.equal(storage.writes, 2, 'not every use is a write')
  now += 11 * hour
  const after = hubOn(t, storage, { now: () => now })
  t.equal((await after.sessions.find(id, false))?.user, 'anna', 'used 11 h ago')
  now += 2 * hour
  t.equal(await after.sessions.find(id), undefined, 'idle for 13 h, over a restart')
})

test('a file that somebody damaged or changed logs people out, and nothing else', async (t) => {
  const path = join(t.testdir(), 'sessions.json')
  const before = hubOn(t, sessionFile(path))
  const id = before.sessions.open(localIdentity('anna', 'viewer'))
  await before.close()
  const whole = await readFile(path, 'utf8')
  for (const text of ['', whole.slice(0, -9), whole.replace(/"box":".{9}/, '"box":"AAAAAAAAA')]) {
    await writeFile(path, text)
    t.equal(await hubOn(t, sessionFile(path)).sessions.find(id), undefined, text.slice(0, 20))
  }
  const next = hubOn(t, sessionFile(path))
  const again = next.sessions.open(localIdentity('anna', 'viewer'))
  t.equal((await next.sessions.find(again))?.user, 'anna')
})

test('in a cluster a stored session is worth its token, and no role', async (t) => {
  const storage = sharedStorage()
  let isValid = true
  const rights = clusterRights(() => isValid)
  const before = hubOn(t, storage, { rights })
  const identity = await rights.ofToken(token, undefined)
  const id = before.sessions.open(identity ?? localIdentity('nobody', 'viewer'))
  const claimed = before.sessions.open(localIdentity('mallory', 'admin'))
  await before.close()
  t.notMatch(storage.text, token)
  t.notMatch(Buffer.from(storage.text ?? '').toString('base64'), token.slice(0, 12))
  const after = hubOn(t, storage, { rights })
  t.equal((await after.sessions.find(id))?.user, 'vera')
  t.equal(await after.sessions.find(claimed), undefined)
  isValid = false
  t.equal(await hubOn(t, storage, { rights }).sessions.find(id), undefined, 'a revoked token')
})

/** The role of a hub, as its lease gives it. */
function roleOf(isFirst: boolean) {
  const listeners = new Set<(what: 'fleet' | 'active' | 'standby') => void>()
  let isActive = isFirst
  return {
    isActive: () => isActive,
    onChange: (listener: (what: 'fleet' | 'active' | 'standby') => void) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    become(next: boolean) {
      isActive = next
      for (const listener of listeners) listener(next ? 'active' : 'standby')
    }
  }
}

test('a takeover logs nobody out, and brings nobody back who logged out', async (t) => {
  const storage = sharedStorage()
  const [one, two] = [roleOf(true), roleOf(false)]
  const first = hubOn(t, storage, { role: one })
  const second = hubOn(t, storage, { role: two })
  const stays = first.sessions.open(localIdentity('anna', 'admin'))
  const leaves = first.sessions.open(localIdentity('otto', 'admin'))
  await until('both to be stored', () => storage.text && true)
  const give = (from: typeof one, to: typeof one) => {
    from.become(false)
    to.become(true)
  }
  give(one, two)
  t.equal((await second.sessions.find(stays))?.user, 'anna')
  t.equal((await second.sessions.find(leaves))?.user, 'otto')
  const writes = storage.writes
  second.sessions.close(leaves)
  await until('the log-out to be stored', () => storage.writes > writes || undefined)
  give(two, one)
  t.equal((await first.sessions.find(stays))?.user, 'anna')
  t.equal(await first.sessions.find(leaves), undefined, 'it was open here before')
})

test('a storage that fails keeps nobody out, is not overwritten, and is tried again', async (t) => {
  const storage = sharedStorage()
  const before = hubOn(t, storage)
  const stored = before.sessions.open(localIdentity('anna', 'admin'))
  await before.close()
  storage.isDown = true
  const after = hubOn(t, storage)
  t.equal(await after.sessions.find(stored), undefined, 'not known yet')
  const fresh = after.sessions.open(localIdentity('vera', 'viewer'))
  t.equal((await after.sessions.find(fresh))?.user, 'vera')
  storage.isDown = false
  await until('the stored session to be back', async () =>
    (await after.sessions.find(stored)) === undefined ? undefined : true
  )
  const writes = storage.writes
  await until('both to be stored', () => storage.writes >= writes || undefined)
  await after.close()
  const last = hubOn(t, storage)
  for (const id of [stored, fresh]) t.ok(await last.sessions.find(id))
})

test('everybody is logged out at once, over restarts', async (t) => {
  const storage = sharedStorage()
  const before = hubOn(t, storage)
  const ids = ['anna', 'vera'].map((user) => before.sessions.open(localIdentity(user, 'admin')))
  const link = before.sessions.link(localIdentity('otto', 'admin'))
  t.equal(before.sessions.closeAll(), 2)
  t.equal(before.sessions.redeem(link), undefined)
  await before.close()
  const after = hubOn(t, storage)
  for (const id of ids) t.equal(await after.sessions.find(id), undefined)
})
