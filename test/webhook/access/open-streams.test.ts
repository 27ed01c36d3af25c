import { type AddressInfo } from 'node:net'
import { t, test } from 'tap'
import { SeccoError } from '../../../src/lib/errors.js'
import { localIdentity, type Rights } from '../../../webhook/access/rights.js'
import { createSessions } from '../../../webhook/access/sessions.js'
import { OpenStreams } from '../../../webhook/access/open-streams.js'
import { startUiRig, type UiRig } from '../ui/rig.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

const names = ['vera', 'olga']
/** Tokens are the names of their users. */
const rights: Rights = {
  kind: 'local',
  ofToken: (token) =>
    Promise.resolve(names.includes(token) ? localIdentity(token, 'viewer') : undefined)
}

async function openIn(rig: UiRig) {
  if (rig.app.server.address() === null) await rig.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = rig.app.server.address() as AddressInfo
  return (headers: Record<string, string>) =>
    fetch(`http://127.0.0.1:${port}/api/v1/changes`, { headers })
}

test('one person cannot take the event streams of all', async (t) => {
  const rig = await startUiRig({ rights })
  t.teardown(() => rig.app.close())
  const open = await openIn(rig)
  const statuses: number[] = []
  // A stream that nobody holds is cancelled when memory is collected.
  const held: Response[] = []
  for (let n = 0; n < 55; n += 1) {
    const response = await open({ authorization: 'Bearer vera' })
    statuses.push(response.status)
    if (response.status === 200) held.push(response)
    else await response.body?.cancel()
  }
  t.equal(statuses.indexOf(503), 50)
  t.same([...new Set(statuses)], [200, 503])
  t.equal(held.length, 50)
  t.equal((await open({ authorization: 'Bearer olga' })).status, 200, 'another person')
})

test('a stream ends with the session that opened it', async (t) => {
  const rig = await startUiRig()
  t.teardown(() => rig.app.close())
  const open = await openIn(rig)
  const { port } = rig.app.server.address() as AddressInfo
  const [first, second] = [rig, rig].map(({ ui }) =>
    ui.sessions.open(localIdentity('anna', 'viewer'))
  )
  const [ended, goes] = await Promise.all(
    [first, second].map((id) => open({ cookie: `secco-${port}=${String(id)}` }))
  )
  t.same([ended?.status, goes?.status], [200, 200])
  rig.ui.sessions.close(first ?? '')
  // A browser reports a response that was cut as an error of the page.
  await t.resolves(async () => ended?.text())
  const reader = goes?.body?.getReader()
  t.equal((await reader?.read())?.done, false, 'the other one goes on')
  await reader?.cancel()
})

test('who lost a right follows nothing any more', async (t) => {
  const sessions = createSessions(() => 0)
  const streams = new OpenStreams(sessions)
  t.teardown(() => streams.close())
  const ended: string[] = []
  const add = (
    name: string,
    check?: () => Promise<unknown>,
    sessionId?: string,
    behind = 0,
    mustBeValid: () => Promise<void> = () => Promise.resolve()
  ): void => {
    const end = () => ended.push(name)
    const destroy = () => ended.push(`${name}: disconnected`)
    const raw = { once: () => raw, destroyed: false, writableLength: behind, end, destroy }
    const reply = { raw } as unknown as Parameters<OpenStreams['add']>[1]
    streams.add(
      { identity: { ...localIdentity(name, 'viewer'), mustBeValid }, sessionId },
      reply,
      check
    )
  }
  const fails = (code: 'FORBIDDEN' | 'UNAUTHENTICATED' | 'UNAVAILABLE' | 'NOT_FOUND') => () =>
    Promise.reject(new SeccoError(code, 'no'))
  add('allowed', () => Promise.resolve())
  add('forbidden', fails('FORBIDDEN'))
  add('forbidden and behind', fails('FORBIDDEN'), undefined, 1)
  add('nobody answers', fails('UNAVAILABLE'))
  add('a trace that has ended', fails('NOT_FOUND'))
  add('a token that was revoked', undefined, undefined, 0, fails('UNAUTHENTICATED'))
  add('session', undefined, sessions.open(localIdentity('a', 'viewer')))
  add('no session', undefined, 'x')
  await streams.check()
  t.same(ended, [
    'forbidden',
    'forbidden and behind: disconnected',
    'a token that was revoked',
    'no session'
  ])
})

test('who asks so much that nothing more is asked for them keeps no stream', async (t) => {
  let now = 0
  let isLimited = true
  const streams = new OpenStreams(
    createSessions(() => 0),
    () => now
  )
  t.teardown(() => streams.close())
  const ended: number[] = []
  const raw = { once: () => raw, destroyed: false, writableLength: 0, end: () => ended.push(now) }
  const reply = { raw } as unknown as Parameters<OpenStreams['add']>[1]
  streams.add({ identity: localIdentity('vera', 'viewer'), sessionId: undefined }, reply, () =>
    isLimited
      ? Promise.reject(new SeccoError('UNAVAILABLE', 'too many questions', { retryAfter: 1 }))
      : Promise.resolve()
  )
  const checkAt = async (ms: number): Promise<void> => {
    now = ms
    await streams.check()
  }
  await checkAt(20_000)
  isLimited = false
  await checkAt(25_000)
  isLimited = true
  await checkAt(50_000)
  t.same(ended, [], 'one answer within that time is enough')
  await checkAt(55_000)
  t.same(ended, [55_000])
})

test('a stream is no use of its session', async (t) => {
  let now = 0
  const sessions = createSessions(() => now, { idleMs: 10 })
  const id = sessions.open(localIdentity('a', 'viewer'))
  now = 9
  t.ok(sessions.isOpen(id))
  now = 11
  t.notOk(sessions.isOpen(id))
  t.equal(await sessions.find(id), undefined)
})
