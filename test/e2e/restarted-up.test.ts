import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { t, type Test, test } from 'tap'
import { pinsOfState } from '../../cli/programs/up-pins.js'
import { probeTracing } from '../../native/recorder.js'
import {
  parseHistory,
  type WorkloadHistory,
  workloadOfText
} from '../../src/history/workload-history.js'
import type { HistoryLine } from '../../src/history/history-lines.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { ContainerView } from '../../webhook/confinement/containers/container-view.js'
import type { ContainerList } from '../../webhook/confinement/containers/container-routes.js'
import type { NodeCoverage } from '../../webhook/confinement/containers/missing-nodes.js'
import type { DenialList } from '../../webhook/confinement/denials/denial-routes.js'
import { directoryHistory } from '../../src/store/directory-history.js'
import { startCounted } from '../helpers/counted-container.js'
import { gapText } from '../../src/history/recording-gap.js'
import { runSecco } from '../helpers/secco-command.js'
import { uiToken } from '../helpers/state-folder.js'
import { everything, patience, profileOf } from '../helpers/truth-rig.js'
import { until } from '../helpers/until.js'

t.setTimeout(900_000)
const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')

type Everything = Awaited<ReturnType<typeof everything>>

interface Histories {
  items: (WorkloadHistory & { lines: HistoryLine[] })[]
}

/** Approves `web` and gives what starts a container under its enforce revision, which denies what it counts. */
async function enforcedOn(
  t: Test,
  all: Everything
): Promise<(name: string) => ReturnType<typeof startCounted>> {
  await all.apply(profileOf('web', ['times']))
  const { path } = await all.revision('web', 'enforce')
  const seccomp = await all.read(path)
  const place = { rootfs: all.rootfs, work: all.state, root: join(all.state, 'runc') }
  return async (name) => {
    const container = await startCounted(place, name, seccomp)
    t.teardown(() => container.stop())
    return container
  }
}

/** Other containers of the machine are recorded, too, and may have longer names. */
const isWeb = (about: string): boolean => workloadOfText(about).name === 'web'

test('a restart of secco up is no instance of a container, and misses none of its calls', {
  skip
}, async (t) => {
  const all = await everything()
  t.teardown(() => all.dispose())
  const start = await enforcedOn(t, all)
  const web = await start('web')
  const rows = async () => {
    const { items } = await all.json<DenialList>('denials')
    return items.filter(({ container, syscall }) => container === 'web' && syscall === 'getsid')
  }
  const known = () =>
    until(
      `${web.calls} denied calls of web`,
      async () => {
        const found = await rows()
        const sum = found.reduce((total, { count }) => total + count, 0)
        if (sum < web.calls) throw new Error(JSON.stringify(found))
        return found
      },
      patience
    )
  const seen = () =>
    all.seen('web', ({ checked, syscalls }) => checked === 'bytes' && syscalls !== null)
  const profile = () => all.json<SeccompProfile>('profile', 'show', 'web')
  t.equal(all.addresses.adopted, false, 'the first start adopts nothing')

  await web.call(3)
  const [first] = await known()
  const before = (await seen())[0]
  for (const signal of ['SIGTERM', 'SIGKILL', 'SIGKILL'] as const) {
    await all.halt(signal)
    // Nobody is there to read them.
    await web.call(4)
    await all.restart()
    t.equal(all.addresses.adopted, true, `${signal}: the recorder continues`)
    await web.call(2)
    const now = await known()
    t.equal(now.length, 1, `${signal}: one row of one container`)
    t.equal(now[0]?.count, web.calls, `${signal}: as often as the container says`)
    t.equal(now[0]?.firstSeen, first?.firstSeen, `${signal}: first seen`)
    const view = (await seen())[0]
    const members = ['restarts', 'syscalls', 'revision', 'denials', 'id', 'startedAt'] as const
    const of = (one: ContainerView) => members.map((member) => [member, one[member]])
    t.strictSame(of(view), of({ ...before, denials: web.calls }), `${signal}: secco ps`)
    // A hub knows a state since it first reads the filter, which is later than the start when it sees the start.
    const moved = Math.abs(Date.parse(view.since) - Date.parse(before.since))
    t.ok(moved < 1000, `${signal}: since is what it was: ${moved} ms`)
    t.match(await all.secco('why-eperm', 'web'), /called getsid and got EPERM/, signal)
  }
  const { status } = await profile()
  t.match(status?.instances, [{ complete: true }], 'one instance, recorded as a whole')
  const { items } = await all.json<Histories>('history', 'web')
  t.match(items, [{ starts: [{ complete: true }] }], 'one start')
  t.equal(items[0]?.starts.length, 1)

  // It ends while nobody is there, long after its last new call.
  await all.halt('SIGKILL')
  const from = Date.now()
  await web.stop()
  const to = Date.now()
  await all.restart()
  const ended = await until(
    'the end of web',
    async () => (await all.json<Histories>('history', 'web')).items[0]?.starts[0]?.ended,
    patience
  )
  const isThen = Date.parse(ended) >= from - 100 && Date.parse(ended) <= to + 100
  t.ok(isThen, `it ended at ${ended}, as the kernel saw it`)
  t.match(await all.secco('history', 'web'), new RegExp(`${ended} +stop .* web ended\n`))

  const told = await all.secco('history', 'web')
  t.match(told, /secco .* hub started, [0-9.]+\n/, 'after SIGTERM')
  t.match(told, /secco .* hub stopped, /)
  t.match(
    told,
    /secco .* hub started, [0-9.]+; the one before was killed after [-0-9]+ [0-9:]+ UTC\n/,
    'after SIGKILL'
  )

  const pins = dirname(pinsOfState(all.state))
  t.ok(existsSync(pins))
  await all.halt('SIGINT')
  t.notOk(existsSync(pins), 'Ctrl-C leaves nothing in the kernel')
})

test('a stop does not wait for the turn of a history', { skip }, async (t) => {
  const all = await everything()
  t.teardown(() => all.dispose())
  const web = await (await enforcedOn(t, all))('web')
  // Each of them is news, and a history is written twice a minute.
  for (let count = 1; count <= 4; count += 1) {
    await web.call(1)
    await until(
      `${count} denied calls of web`,
      async () => {
        const { items } = await all.json<DenialList>('denials')
        const own = items.filter(({ container }) => container === 'web')
        const sum = own.reduce((total, one) => total + one.count, 0)
        return sum >= count || undefined
      },
      patience
    )
  }
  await all.halt('SIGTERM')
  // What is not acked stays there, and the satellite waits for it in vain.
  t.strictSame(readdirSync(join(all.state, 'spool')), [], 'everything was acked')
  const counts: (number | undefined)[] = []
  for await (const { about, text } of directoryHistory(join(all.state, 'objects'), 10_000).list())
    if (isWeb(about)) counts.push(parseHistory(text)?.denials.at(-1)?.count)
  t.strictSame(counts, [4], 'and all of it is written')
})

test('where nothing is pinned, the calls that are missing are named', { skip }, async (t) => {
  const all = await everything({ pin: 'off' })
  t.teardown(() => all.dispose())
  const start = await enforcedOn(t, all)
  const web = await start('web')
  const denied = (calls: number) =>
    all.seen('web', ({ checked, denials }) => checked === 'bytes' && denials >= calls)
  const page = async (path: string) => {
    const headers = { authorization: `Bearer ${await uiToken(all.state)}` }
    return (await fetch(`${all.addresses.ui}${path}`, { headers })).text()
  }
  await web.call(3)
  await denied(3)
  // What is not stored when Secco is killed is lost with its recorder; the verb also shows what waits for the store.
  const stored = directoryHistory(join(all.state, 'objects'), 10_000)
  await until(
    'the start of web in the store',
    async () => {
      for await (const { about, text } of stored.list())
        if (isWeb(about) && parseHistory(text)?.starts.some((one) => one.complete)) return true
      return undefined
    },
    patience
  )
  // What ran beside this test may not have been identified.
  t.match(await page('/'), /no node lost a record|: \d+ sets? of (an )?unidentified containers?</)
  for (const [at, signal] of (['SIGKILL', 'SIGTERM'] as const).entries()) {
    await all.halt(signal)
    const from = Date.now()
    await web.call(4)
    const to = Date.now()
    await all.restart()
    t.equal(all.addresses.adopted, false)
    await web.call(2)
    const [view] = await all.seen(
      'web',
      ({ checked, gaps }) => checked === 'bytes' && gaps.length > at
    )
    t.equal(view.gaps.length, at + 1, signal)
    const gap = view.gaps[at] ?? { from: '', to: '' }
    t.ok(Date.parse(gap.from) <= from && to <= Date.parse(gap.to), `${signal}: all missing calls`)
    t.equal(view.restarts, 0, signal)
    const text = new RegExp(gapText(gap))
    const { stderr } = await runSecco(['ps', '--state', all.state])
    t.match(stderr, new RegExp(`n1: ${gapText(gap)} of web`), `${signal}: secco ps`)
    await until(
      'the gap in the history',
      async () => text.test(await all.secco('history', 'web')) || undefined,
      patience
    )
    t.match(await page('/'), text, `${signal}: the fleet page`)
    t.match(await page('/nodes'), text, `${signal}: the page of nodes`)
    t.match(await all.secco('get', 'nodes', '-o', 'wide'), text, `${signal}: get nodes`)
  }
  const { items } = await all.json<Histories>('history', 'web')
  t.equal(items[0]?.starts.length, 1, 'one start: Secco was restarted, not the container')
  t.match(items[0]?.starts, [{ complete: true }], 'its start was recorded')
  const created = ['early', 'unseen']
  for (const id of created) await all.start(id, ['getsid'], { created: true })
  await all.start('usual', ['getsid'], {})
  const instancesOf = async (id: string) => {
    const shown = await all.json<SeccompProfile>('profile', 'show', id).catch(() => undefined)
    return shown?.status?.instances ?? []
  }
  await until(
    'what was started after them',
    async () => (await instancesOf('usual')).some(({ complete }) => complete) || undefined,
    patience
  )
  for (const id of created) {
    await all.seen(id, ({ state }) => state === 'starting')
    t.same(await instancesOf(id), [], `${id}: nothing is said of a program that has not begun`)
  }
  await all.halt('SIGKILL')
  await web.stop()
  await all.begin('unseen')
  await all.start('created', ['getsid'], { created: true })
  await all.restart()
  await until(
    'the third gap of the node',
    async () => {
      const { items } = await all.json<{ items: { gaps: unknown[] }[] }>('get', 'nodes')
      return items[0]?.gaps.length === 3 || undefined
    },
    patience
  )
  const [waiting] = await all.seen('created', ({ state }) => state === 'starting')
  t.strictSame(waiting.gaps, [], 'what has not begun misses nothing')
  await all.begin('created')
  const [begun] = await all.seen(
    'created',
    ({ checked, syscalls }) => checked === 'bytes' && syscalls !== null
  )
  t.strictSame(begun.gaps, [], 'nor does what began after the gap, though it was created before')
  await all.begin('early')
  await until(
    'what early calls itself',
    async () => (await instancesOf('early')).some(({ complete }) => complete) || undefined,
    patience
  )
  const shown = await all.secco('profile', 'show', 'early')
  t.match(
    shown,
    /in 1 instance, 1 of them from the first instruction/,
    'two recorders, one instance'
  )
  await until(
    'what unseen calls since',
    async () => (await instancesOf('unseen')).length > 0 || undefined,
    patience
  )
  t.match(await instancesOf('unseen'), [{ complete: false }], 'it began while nobody recorded')
  const ofUnseen = await all.json<Histories>('history', 'unseen')
  t.match(ofUnseen.items[0]?.starts, [{ complete: false }], 'one start, which nobody saw')
  t.notMatch(await all.secco('history', 'unseen'), /started|from the first instruction/)
  t.match(shown, /no loss is known to be of its instances/, 'its program began after the gap')
  await until(
    'the end of web',
    async () =>
      /ended .* web ended between [^\n]* UTC: nobody saw it/.test(
        await all.secco('history', 'web')
      ) || undefined,
    patience
  )
  await start('young')
  const [late] = await all.seen('young', ({ checked }) => checked === 'bytes')
  t.strictSame(late.gaps, [], 'what began later misses nothing')
})

/** Returns a port that nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

test('after all of Secco was killed, every answer lists the container or names its node as missing', {
  skip
}, async (t) => {
  const all = await everything({ uiListen: `127.0.0.1:${await freePort()}` })
  t.teardown(() => all.dispose())
  await all.start('bare', ['getsid'], { seccomp: 'none', again: true })
  const runs = ({ name }: ContainerView) => name === 'bare'
  const { id } = (await all.seen('bare', () => true))[0]
  t.ok(id)
  const isNamed = ({ notReporting = [], missingNodes = 0 }: Partial<NodeCoverage>) =>
    missingNodes === 1 && notReporting.some(({ name, listed }) => name === 'n1' && !listed)
  for (const round of ['first', 'second']) {
    await all.halt('SIGKILL')
    const started = new AbortController()
    let [early, late] = [0, 0]
    const wrong: string[] = []
    const askAll = async (): Promise<void> => {
      const list = await all.api<ContainerList>('containers')
      const isListed = list.items.some(runs)
      if (isListed) late += 1
      else early += 1
      if (!isListed && !isNamed(list)) wrong.push(`containers: ${JSON.stringify(list)}`)
      const sum = await all.api<{ total: number } & NodeCoverage>('summary')
      if (sum.total === 0 && !isNamed(sum)) wrong.push(`summary: ${JSON.stringify(sum)}`)
      const page = await all.page('/')
      // The node may have reported since the list was asked for.
      const after = (await all.api<ContainerList>('containers')).items.some(runs)
      if (!after && !/Not known: <bdi>n1 /.test(page)) wrong.push('page Fleet')
    }
    const asking = (async () => {
      while (!started.signal.aborted) {
        // Nobody listens before the program has started.
        await askAll().catch(() => undefined)
        await delay(5)
      }
    })()
    await all.restart()
    await until(
      'the container',
      async () => (await all.api<ContainerList>('containers')).items.find(runs),
      patience
    )
    await until('a late answer', () => Promise.resolve(late > 0), patience)
    started.abort()
    await asking
    t.strictSame(wrong, [], round)
    t.ok(early > 0, `${round}: ${early} answers before the node reported`)
    const { code } = await runSecco(['ps', '--wrong', '--state', all.state])
    t.equal(code, 0, 'the node reports')
  }
})
