import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { test } from 'tap'
import { ensureServerLeaf } from '../../../certs/files.js'
import { Observation } from '../../../src/api/gen/hub.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { digestOf } from '../../../src/lib/digest.js'
import { openDirectoryStore } from '../../../src/store/directory.js'
import type { Store } from '../../../src/store/store.js'
import { openSpool, type Spool } from '../../../satellite/uplink/spool.js'
import { backoffMs } from '../../../satellite/uplink/backoff.js'
import { type DueObservation, openBacklog } from '../../../satellite/uplink/backlog.js'
import { connectionHint } from '../../../satellite/uplink/connection-hint.js'
import { mergeObservations } from '../../../satellite/uplink/merge-observations.js'
import { profileOf } from '../../src/store/contract.js'
import { collectLog, observationOf } from '../../webhook/hub/rig.js'
import { freePort } from '../../helpers/child-program.js'
import { runs } from '../../helpers/fuzz.js'

test('observations of one instance merge by union; backoff and hints', (t) => {
  const observation = fc
    .tuple(
      fc.array(fc.constantFrom('read', 'write', 'mmap')),
      fc.boolean(),
      fc.boolean(),
      fc.nat(9)
    )
    .map(([names, complete, ended, sequence]) =>
      observationOf('x', [...new Set(names)].sort(), { complete, ended, sequence })
    )
  const namesOf = (one: Observation) =>
    one.abis.flatMap(({ abi, syscalls }) => syscalls.map(({ name }) => `${abi} ${name}`)).sort()
  fc.assert(
    fc.property(observation, observation, observation, (a, b, c) => {
      t.same(
        mergeObservations(a, mergeObservations(b, c)),
        mergeObservations(mergeObservations(a, b), c)
      )
      t.same(mergeObservations(a, b), mergeObservations(b, a))
      t.same(namesOf(mergeObservations(a, b)), [...new Set([...namesOf(a), ...namesOf(b)])].sort())
    }),
    { numRuns: runs(20) }
  )
  const timing = { firstMs: 250, baseMs: 1000, mostMs: 60_000 }
  t.same([backoffMs(1, 0, timing), backoffMs(1, 1, timing)], [125, 250])
  t.same(
    [2, 3, 8, 99].map((attempt) => backoffMs(attempt, 1, timing)),
    [1000, 2000, 60_000, 60_000]
  )
  for (const attempt of [2, 3, 8]) {
    const most = backoffMs(attempt, 1, timing)
    t.same(
      [0, 0.25, 0.5].map((random) => backoffMs(attempt, random, timing)),
      [0, 0.25, 0.5].map((share) => share * most),
      'satellites do not come all at once'
    )
  }
  t.equal(connectionHint('odd (2026-11-24T10:00:00.000Z)'), 'odd')
  t.match(connectionHint('connect ECONNREFUSED 127.0.0.1:1'), /start the hub/)
  t.end()
})

test('the spool survives, skips damaged files, is bounded, and reports when it cannot write', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'secco-spool-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const log = collectLog()
  const first = await openBacklog(await openSpool(dir), log.logger)
  for (const id of ['a', 'b', 'c']) first.put(observationOf(id, ['read']))
  first.put(observationOf('a', ['write']))
  await first.spool()
  t.equal((await readdir(dir)).length, 3, 'one file per instance')
  first.acked('b', 1)
  await first.spool()
  const [one = '', two = ''] = (await readdir(dir)).sort()
  t.equal((await readdir(dir)).length, 2, 'removed after the ack')
  await appendFile(join(dir, one), 'x')
  await writeFile(join(dir, '.tmp-1-x'), 'half')

  const second = await openBacklog(await openSpool(dir), log.logger)
  t.equal(second.size, 1)
  t.match(await log.seen(/spooled observation skipped/), {
    code: 'STORE_CORRUPT',
    reason: new RegExp(one)
  })
  t.same((await readdir(dir)).sort(), [one, two].sort(), 'the corrupt one is left as it is')
  const [kept] = second.due(0, 1000)
  t.ok(kept)
  if (kept === undefined) return
  second.put({ ...observationOf(kept.id, ['mmap']), sequence: 1 })
  const [grown] = second.due(0, 1000)
  t.ok(
    (grown?.sequence ?? 0) > kept.sequence,
    'a count that started again is not mistaken for the old one'
  )
  t.ok(namesIn(grown).includes('read'), 'and what was spooled is still in it')
  second.acked(kept.id, kept.sequence)
  t.equal(second.size, 1, 'an ack for a lower sequence does not remove it')
  if (grown !== undefined) second.markSent(grown.id, grown.sequence, 5)
  t.same([second.due(10, 1000).length, second.due(2010, 1000).length], [0, 1], 'sent again in time')
  second.restart()
  t.equal(second.due(10, 1000).length, 1, 'and on a new stream')

  const small = await openBacklog(await openSpool(join(dir, 'small')), log.logger, { instances: 2 })
  small.put(observationOf('ended', ['read'], { ended: true }))
  small.put(observationOf('running', ['read']))
  small.put(observationOf('new', ['read']))
  t.same(
    small.due(0, 1).map(({ id }) => id),
    ['ended', 'new'],
    'a running one can be offered again'
  )
  t.equal(small.dropped, 1)
  t.same(small.toOfferAgain(), [], 'it would only replace another one')
  for (const { id, sequence } of small.due(0, 1)) small.acked(id, sequence)
  t.same(small.toOfferAgain(), ['running'], 'there is room again')
  t.same(small.toOfferAgain(), [], 'once')

  let broken = true
  let stuck = true
  const real = await openSpool(join(dir, 'full'))
  const faulty: Spool = {
    ...real,
    save: async (observation) => {
      if (broken) throw new SeccoError('WRITE_FAILED', 'injected: no space')
      await real.save(observation)
    },
    remove: async (ids) => {
      if (stuck && ids.length > 0) throw new SeccoError('WRITE_FAILED', 'injected: read-only')
      await real.remove(ids)
    }
  }
  const full = await openBacklog(faulty, log.logger)
  full.put(observationOf('a', ['read']))
  await full.spool()
  await full.spool()
  t.equal(full.problem, 'injected: no space')
  t.equal(
    log.lines.filter((line) => String(line['reason']).includes('injected')).length,
    1,
    'logged once'
  )
  broken = false
  await full.spool()
  t.equal(full.problem, undefined)
  full.acked('a', 1)
  await full.spool()
  t.equal(full.problem, 'injected: read-only')
  full.put(observationOf('b', ['read']))
  await full.spool()
  await full.durable()
  t.equal(full.problem, 'injected: read-only', 'and others are still written')
  for (const { id, sequence } of full.due(Date.now(), 1)) full.acked(id, sequence)
  stuck = false
  await full.spool()
  t.equal(full.problem, undefined)
  t.same(await readdir(join(dir, 'full')), [], 'files that could not be removed are removed later')
})

function namesIn(due: DueObservation | undefined): string[] {
  if (due?.bytes === undefined) return []
  const { abis } = Observation.decode(due.bytes)
  return abis.flatMap(({ syscalls }) => syscalls.map(({ name }) => name))
}

interface Child {
  process: ChildProcess
  lines: string[]
  ended: Promise<unknown>
  /** Resolves with the first line, or the next one of that form; or when the process is gone. */
  line: (form?: RegExp) => Promise<void>
}

function start(program: string, ...args: string[]): Child {
  const path = fileURLToPath(new URL(program, import.meta.url))
  const child = spawn(process.execPath, [path, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' }
  })
  const lines: string[] = []
  const reader = createInterface({ input: child.stdout })
  reader.on('line', (line) => lines.push(line))
  return {
    process: child,
    lines,
    ended: once(child, 'close'),
    async line(form) {
      let from = form === undefined ? 0 : lines.length
      const gone = once(child, 'close').then(() => 'gone')
      for (;;) {
        for (; from < lines.length; from += 1) if (form?.test(lines[from] ?? '') ?? true) return
        if ((await Promise.race([once(reader, 'line'), gone])) === 'gone') return
      }
    }
  }
}

async function kill(child: Child): Promise<void> {
  child.process.kill('SIGKILL')
  await child.ended
}

const ref = { namespace: 'default', name: 'web' }

async function observedNow(store: Store): Promise<Set<string>> {
  return new Set((await store.get('SeccompProfile', ref))?.status?.observed?.x86_64)
}

async function approve(store: Store, names: string[]): Promise<void> {
  await store.update('SeccompProfile', ref, (profile) => ({
    ...profile,
    spec: {
      ...profile.spec,
      seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }] }
    }
  }))
}

const kills = runs(3)

test(`kill -9 of satellite, hub and both, ${kills} times at random moments`, {
  timeout: 1_500_000
}, async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'secco-kill-'))
  const started = Date.now()
  let seed = Number(process.env['SECCO_TEST_SEED'] ?? 20261124)
  t.comment(`seed ${seed}`)
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648
  await ensureServerLeaf(join(dir, 'certs'), ['localhost', '127.0.0.1'])
  const store = await openDirectoryStore(join(dir, 'objects'), { debounceMs: 20, pollMs: 500 })
  await store.apply('SeccompProfile', profileOf('default', 'web'))

  let hub = start('../hub-child.js', dir, String(await freePort()))
  await hub.line()
  const port = hub.lines[0] ?? ''
  let run = 0
  let satellite = start('../satellite-child.js', dir, port, String(run))
  t.teardown(async () => {
    await Promise.all([kill(hub), kill(satellite)])
    await store.close()
    await rm(dir, { recursive: true })
  })
  const acked = new Set<string>()
  const spooled = new Set<string>()
  function collect(): void {
    for (const line of satellite.lines) {
      const [how, name = ''] = line.split(' ')
      ;(how === 'acked' ? acked : spooled).add(name)
    }
  }

  let lost: string[] = []
  for (let round = 0; round < kills; round += 1) {
    const target = ['satellite', 'hub', 'both'][Math.floor(random() * 3)]
    // Mostly at work, sometimes while starting: the random moment is the thing under test.
    if (random() < 0.7) await satellite.line(/^acked/)
    await new Promise((resolve) => setTimeout(resolve, random() * 100))
    if (round % 5 === 0)
      await approve(store, ['read', 'write', ...(round % 2 === 0 ? ['listen'] : [])])
    await Promise.all([
      ...(target === 'hub' ? [] : [kill(satellite)]),
      ...(target === 'satellite' ? [] : [kill(hub)])
    ])
    collect()
    const observed = await observedNow(store)
    lost = lost.concat([...acked].filter((name) => !observed.has(name)))
    if (target !== 'satellite') hub = start('../hub-child.js', dir, port)
    if (target !== 'hub') {
      run += 1
      satellite = start('../satellite-child.js', dir, port, String(run))
    }
  }
  t.same(lost, [], 'no acked observation was lost')
  t.ok(acked.size > kills / 3, `${acked.size} acked`)
  t.comment(`${acked.size} acked, ${spooled.size} spooled when printed, ${run + 1} satellites`)

  // With both running: everything that was durable anywhere arrives, and the last spec is delivered.
  await approve(store, ['read', 'write', 'listen', 'accept'])
  await new Promise<void>((resolve) => {
    let stop: (() => void) | undefined
    const done = () => {
      stop?.()
      resolve()
    }
    void store
      .watch((event) => {
        if (event.type !== 'applied' || event.object.kind !== 'SeccompProfile') return
        const { status, metadata } = event.object
        const observed = new Set(status?.observed?.x86_64)
        const arrived = [...acked, ...spooled].every((name) => observed.has(name))
        const ready = status?.conditions?.find(({ type }) => type === 'Ready')
        if (arrived && ready?.status === 'True' && ready.observedGeneration === metadata.generation)
          done()
      })
      .then((off) => (stop = off))
  })
  t.pass('everything converged')
  t.same(store.problems(), [], 'no half-written object')
  const status = (await store.get('SeccompProfile', ref))?.status
  t.same(status?.nodes, { ready: 1, total: 1 })
  const folders: [string, RegExp][] = [
    [join(dir, 'revisions'), /^([0-9a-f]{64})\.json$/],
    [join(dir, 'node'), /@([0-9a-f]{64})$/]
  ]
  for (const [folder, form] of folders) {
    let files = 0
    for (const name of await readdir(folder)) {
      const hex = form.exec(name)?.[1]
      if (hex === undefined) continue
      files += 1
      t.equal(
        digestOf(await readFile(join(folder, name))),
        `sha256:${hex}`,
        'no half-written revision'
      )
    }
    t.ok(files >= 2)
  }
  t.comment(`${Math.round((Date.now() - started) / 1000)} s`)
})
