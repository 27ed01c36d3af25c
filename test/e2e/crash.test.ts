import { revisionPath } from '../../src/api/names.js'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { readFile, rm, stat } from 'node:fs/promises'
import { machine, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import { writeBundle } from '../../cli/walk-through/bundle.js'
import {
  removeContainer,
  signalContainer,
  startContainer
} from '../../cli/walk-through/container.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { abisOfMachine } from '../../src/syscalls/abi.js'
import { freePorts } from '../helpers/child-program.js'
import { runs } from '../helpers/fuzz.js'
import { makePulseRootfs, pulseCalls } from '../helpers/pulse.js'
import { seededRandom } from '../helpers/random.js'
import { runSecco, spawnSecco } from '../helpers/secco-command.js'
import { leftovers, readProfile, readSpool, wrongDigests } from '../helpers/state-folder.js'
import { until } from '../helpers/until.js'

const kills = runs(7)
const seed = Number(process.env['SECCO_TEST_SEED'] ?? Date.now() % 1_000_000)
const ref = { namespace: 'default', name: 'crash-pulse' }
const [abi] = abisOfMachine(machine())
const tracing = probeTracing()

type Program = 'satellite' | 'hub'

/** The two programs on one state folder, as a machine's operator starts them. */
function startPrograms(work: string, ports: readonly number[]) {
  const [listen, hub, ui] = ports.map((port) => `127.0.0.1:${port}`) as [string, string, string]
  const state = join(work, 'state')
  const seccomp = join(work, 'seccomp')
  const args: Record<Program, string[]> = {
    hub: ['webhook', '--listen', listen, '--hub-listen', hub, '--ui-listen', ui],
    satellite: ['satellite', '--hub', hub, '--node', 'crash-node', '--seccomp-root', seccomp]
      .concat(['--runc-root', join(work, 'runc'), '--containerd-socket', join(work, 'none.sock')])
      // test/e2e/durable.test.ts kills pinned ones.
      .concat(['--pin', 'off'])
  }
  const running = new Map<Program, ChildProcess>()
  const ended: string[] = []
  let log = ''
  /** Where in the log the last start is. */
  let mark = 0
  function start(which: Program): void {
    mark = log.length
    const child = spawnSecco([...args[which], '--state', state])
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (log += chunk.toString()))
    }
    child.once('exit', (code, signal) => {
      if (signal !== 'SIGKILL') ended.push(`${which} ended with ${code ?? signal}`)
    })
    running.set(which, child)
  }
  async function kill(which: Program): Promise<void> {
    const child = running.get(which)
    running.delete(which)
    if (child === undefined || child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  /** Resolves when the satellite records and the hub hears it, both as started last. */
  const untilMet = () =>
    until('the satellite to meet the hub', () =>
      log.slice(mark).includes('"connected to the hub"') ? true : undefined
    )
  return { state, seccomp, start, kill, ended, untilMet }
}

test('kill -9 of satellite, hub and both while a real container is learned and approved', {
  skip: tracing.available ? false : (tracing.reason ?? 'nothing can be traced'),
  timeout: 1_200_000
}, async (t) => {
  t.comment(`seed ${seed} (repeat with SECCO_TEST_SEED)`)
  const random = seededRandom(seed)
  const work = mkdtempSync(join(tmpdir(), 'secco-crash-'))
  const programs = startPrograms(work, await freePorts(3))
  const { state, seccomp } = programs
  const objects = join(state, 'objects')
  const container = { id: ref.name, root: join(work, 'runc') }
  t.teardown(async () => {
    await Promise.all([programs.kill('satellite'), programs.kill('hub')])
    await removeContainer(container, 'KILL')
    await rm(work, { recursive: true, force: true })
  })

  let observed = new Set<string>()
  /** What a satellite had on its disk once: it has to arrive, however often anything is killed. */
  const promised = new Set<string>()
  let approvals = 0
  const counts = { satellite: 0, hub: 0, both: 0, spooled: 0, approved: 0 }

  /** Reads everything on disk as it is now; says what is wrong with it. */
  function inspect(): string[] {
    const wrong = [...wrongDigests(seccomp), ...wrongDigests(join(state, 'revisions'))]
    for (const { abis, container: whose } of readSpool(join(state, 'spool'))) {
      // The satellite records whatever else runs on this machine as well.
      if (whose?.id !== container.id) continue
      counts.spooled += 1
      for (const { syscalls } of abis) for (const { name } of syscalls) promised.add(name)
    }
    const status = readProfile(objects, ref)?.status
    const now = new Set(abi === undefined ? [] : status?.observed?.[abi])
    wrong.push(...[...observed].filter((name) => !now.has(name)).map((name) => `${name} was lost`))
    const approved = status?.approvals?.length ?? 0
    if (approved < approvals) wrong.push(`${approvals - approved} approvals were lost`)
    approvals = approved
    observed = now
    return wrong
  }
  const approve = async (): Promise<void> => {
    const by = ['profile', 'approve', ref.name, '-n', ref.namespace, '--state', state]
    const { code, stderr } = await runSecco(by)
    if (code !== 0) throw new Error(stderr)
    counts.approved += 1
  }

  programs.start('hub')
  programs.start('satellite')
  const rootfs = await makePulseRootfs(work)
  const learn = JSON.parse((await runSecco(['render', '--learn'])).stdout) as LinuxSeccomp
  const calls = pulseCalls()
  const bundle = await writeBundle(join(work, 'bundle'), {
    rootfs,
    args: ['/pulse', '600', ...calls.map(({ number }) => String(number))],
    files: [],
    writable: [],
    seccomp: learn,
    profile: ref.name,
    noNewPrivileges: true
  })
  await programs.untilMet()
  await startContainer(container, bundle)
  await until('the first observation', () => {
    inspect()
    return observed.size > 0 ? true : undefined
  })

  let approving: Promise<void> = Promise.resolve()
  for (let round = 1; round <= kills; round += 1) {
    // A person decides in between, so that revisions are on their way too.
    if (round % 7 === 0) approving = Promise.all([approving, approve()]).then(() => undefined)
    await delay(50 + random() * 1500)
    const dice = random()
    const which = dice < 0.4 ? 'satellite' : dice < 0.8 ? 'hub' : 'both'
    counts[which] += 1
    const victims: Program[] = which === 'both' ? ['satellite', 'hub'] : [which]
    await Promise.all(victims.map((each) => programs.kill(each)))
    const wrong = inspect()
    if (wrong.length > 0) t.fail(`kill ${round} (${which}) harmed what is on disk`, { wrong })
    for (const victim of victims) programs.start(victim)
  }
  await approving
  t.strictSame(programs.ended, [], 'no program gave up by itself')
  await programs.untilMet()
  await until('the spool to be delivered', () => {
    inspect()
    return readSpool(join(state, 'spool')).length === 0 ? true : undefined
  })
  const missing = [...promised].filter((name) => !observed.has(name))
  t.strictSame(missing, [], 'everything that was once spooled has arrived')
  const single = calls.filter(({ name }) => observed.has(name)).length
  t.ok(single > 0, `${single} calls that were made exactly once are known`)

  await signalContainer(container, 'USR1')
  await until('the whole set', () => {
    inspect()
    const unseen = calls.filter(({ name }) => !observed.has(name)).map(({ name }) => name)
    if (unseen.length > 0) throw new Error(`not yet: ${unseen.join(' ')}`)
    return true
  })
  await approve()
  const file = await until('the node to have the last revision', async () => {
    const { nodes, revision } = readProfile(objects, ref)?.status ?? {}
    if (nodes?.total !== 1 || nodes.ready !== 1 || revision === undefined) return undefined
    const path = join(seccomp, revisionPath(ref.namespace, ref.name, revision))
    const text = await readFile(path, 'utf8')
    return calls.every(({ name }) => text.includes(`"${name}"`)) ? path : undefined
  })
  t.equal((await stat(file)).mode & 0o7777, 0o644)
  t.strictSame(inspect(), [], 'nothing on disk is half-written')
  t.strictSame(leftovers(join(state, 'spool')), [], 'the spool is swept')
  const { items } = JSON.parse(
    (await runSecco(['get', 'nodes', '-o', 'json', '--state', state])).stdout
  ) as { items: { name: string; connected: boolean }[] }
  t.match(items, [{ name: 'crash-node', connected: true }])
  const left = leftovers(work).length
  t.comment(JSON.stringify({ seed, kills, ...counts, observed: observed.size, once: single, left }))
})
