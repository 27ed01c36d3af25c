import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { stringify } from 'yaml'
import { type Test, test } from 'tap'
import { cleanPins } from '../../native/pins.js'
import { probeTracing } from '../../native/recorder.js'
import type { LinuxSeccomp, SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { ProfileState } from '../../src/rules/profile-state.js'
import type { DenialRow } from '../../webhook/hub/denials/denial-row.js'
import type { HistoryAnswer } from '../../webhook/confinement/history/history-routes.js'
import { runs } from '../helpers/fuzz.js'
import { pulseCalls } from '../helpers/pulse.js'
import { seededRandom } from '../helpers/random.js'
import { makeBundle, makeRootfs, run } from '../helpers/runc-bundle.js'
import { runSecco } from '../helpers/secco-command.js'
import { profileOf } from '../helpers/truth-rig.js'
import { until } from '../helpers/until.js'
import * as truth from './restart-truth.js'
import { Programs } from './views/programs.js'
import { route, type Place } from './views/read.js'

const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')
const moments = runs(5)
const seed = Number(process.env['SECCO_TEST_SEED'] ?? Date.now() % 1_000_000)
const patience = { timeoutMs: 180_000, everyMs: 500 }

/** What `/ask` calls besides the calls of its start, each container another one. */
const calls = pulseCalls().filter(({ name }) => name !== 'getsid')

/** Installation is a hub and a satellite as two programs, and containers of runc that were denied calls. */
class Installation {
  readonly #work = mkdtempSync(join(tmpdir(), 'secco-moments-'))
  readonly #root = join(this.#work, 'runc')
  readonly #bundles: string[] = []
  #rootfs = ''
  #seccomp!: LinuxSeccomp
  programs!: Programs
  place!: Place

  async open(): Promise<void> {
    for (const name of ['bpf', 'runc', 'state']) mkdirSync(join(this.#work, name))
    execFileSync('mount', ['-t', 'bpf', 'bpf', join(this.#work, 'bpf')])
    this.#rootfs = await makeRootfs()
    await writeFile(join(this.#work, 'ask.c'), truth.source)
    const built = join(this.#rootfs, 'ask')
    await run('gcc', ['-O1', '-static', '-o', built, join(this.#work, 'ask.c')])
    this.programs = await Programs.create(this.#work)
    await this.programs.start('hub')
    await this.programs.start('satellite')
    this.place = await this.programs.place({})
    const names = calls.map(({ name }) => name)
    await this.apply(profileOf('web', [...names, 'rt_sigaction', 'rt_sigreturn']))
    await this.apply(profileOf('other', []))
    this.#seccomp = await this.#revision('web')
  }

  async close(): Promise<void> {
    for (const id of readdirSync(this.#root))
      await run('runc', ['--root', this.#root, 'delete', '--force', id])
    await Promise.all([this.programs.kill('satellite'), this.programs.kill('hub')])
    const pin = join(this.#work, 'bpf', 'secco')
    if (existsSync(pin)) cleanPins(pin)
    execFileSync('umount', [join(this.#work, 'bpf')])
    for (const path of [this.#work, dirname(this.#rootfs), ...this.#bundles])
      await rm(path, { recursive: true, force: true })
  }

  async secco(...words: string[]): Promise<void> {
    const { code, stderr } = await runSecco([...words, ...this.place.options])
    if (code !== 0) throw new Error(`secco ${words.join(' ')}: ${stderr}`)
  }

  async apply(profile: SeccompProfile): Promise<void> {
    const path = join(this.#work, 'profile.yaml')
    await writeFile(path, stringify(profile))
    await this.secco('profile', 'apply', '-f', path)
  }

  async get<T>(path: string): Promise<T> {
    const { status, body } = (await route(this.place, path)) as { status: number; body: T }
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`)
    return body
  }

  async #revision(name: string): Promise<LinuxSeccomp> {
    const path = await until(
      `${name} on the node`,
      async () => {
        const { items } = await this.get<{ items: ProfileState[] }>('/api/v1/states')
        const one = items.find((state) => state.name === name)?.enforce
        return one?.ready === true ? one.path : undefined
      },
      patience
    )
    return JSON.parse(await readFile(join(this.#work, 'seccomp', path), 'utf8')) as LinuxSeccomp
  }

  /** Runs a container to its end. Its files stay until the end of the test, as those of a containerd do. */
  async ask(nth: number, id: string, count: number, pauseMs: number): Promise<truth.Asked> {
    const call = calls[nth % calls.length] ?? { name: '', number: -1 }
    const bundle = await makeBundle(this.#rootfs, {
      args: ['/ask', String(call.number), String(count), String(pauseMs)],
      ...{ seccomp: this.#seccomp, annotations: { 'secco.dev/profile': 'web' } }
    })
    this.#bundles.push(bundle)
    const began = Date.now()
    const child = spawn('runc', ['--root', this.#root, 'run', '-d', '-b', bundle, id], {
      stdio: ['ignore', 'pipe', 'ignore']
    })
    const [line] = await Promise.all([text(child.stdout), once(child, 'exit')])
    const asked = truth.readAsked(line)
    const { first, last } = asked
    const [started, ended] = [
      [began, first[0]],
      [last[1], Date.now()]
    ] as [[number, number], [number, number]]
    return { ...asked, id, call: call.name, started, ended }
  }

  async signal(id: string): Promise<void> {
    await run('runc', ['--root', this.#root, 'kill', id, 'USR1'])
  }
}

/** Returns what the hub has wrong about one container: in its history and in the list of denials. */
async function wrongOf(at: Installation, asked: truth.Asked, rows: readonly DenialRow[]) {
  const path = `/api/v1/history?workload=${asked.id}`
  const answer = await at.get<HistoryAnswer>(path).catch(String)
  const own = rows.filter(({ container }) => container === asked.id)
  const counts = own.map(({ syscall, count }) => `${syscall} ${count}`).join()
  return [
    ...(typeof answer === 'string'
      ? [answer]
      : answer.items.flatMap((history) => truth.wrongHistory(asked, history))),
    ...(counts === `getsid ${asked.count}` ? [] : [`listed: ${counts}`])
  ].map((wrong) => `${asked.id}: ${wrong}`)
}

/** Returns what the hub has wrong about all of them, and about decisions. */
async function everyWrong(
  at: Installation,
  asked: readonly truth.Asked[],
  decisions: readonly truth.Approved[]
): Promise<string[]> {
  const { items } = await at.get<{ items: DenialRow[] }>(
    '/api/v1/denials?muted=true&expected=true&closed=true'
  )
  const wrong: string[] = []
  for (const one of asked) wrong.push(...(await wrongOf(at, one, items)))
  const profile = async (name: string) => {
    const profiles = await at.get<{ items: SeccompProfile[] }>('/api/v1/profiles')
    return profiles.items.find(({ metadata }) => metadata.name === name)?.status ?? {}
  }
  const observed = new Set(Object.values((await profile('web')).observed ?? {}).flat())
  const missing = asked.filter(({ call }) => !observed.has(call)).map(({ call }) => call)
  const listed = (await profile('other')).approvals ?? []
  return [
    ...wrong,
    ...missing.map((call) => `${call} is not observed`),
    ...truth.wrongApprovals(decisions, listed)
  ]
}

/** Kills or ends one of the programs or both at a random moment, and starts them again after another one. */
async function restartAtRandom(
  { programs }: Installation,
  random: () => number,
  meanwhile: () => Promise<void>
): Promise<string> {
  await delay(random() * 1200)
  const dice = random()
  const victims = ([['satellite'], ['hub'], ['satellite', 'hub']] as const)[
    dice < 0.35 ? 0 : dice < 0.7 ? 1 : 2
  ]
  const signal = random() < 0.7 ? 'SIGKILL' : 'SIGTERM'
  await Promise.all(victims.map((each) => programs.kill(each, signal)))
  await meanwhile()
  await delay(random() * 500)
  // The next moment may be one of their start.
  for (const each of victims) programs.launch(each)
  return victims.join(' and ')
}

test(`a restart of hub, satellite or both at ${moments} random moments`, {
  skip,
  timeout: 3_600_000
}, async (t: Test) => {
  t.comment(`seed ${seed} (repeat with SECCO_TEST_SEED)`)
  const random = seededRandom(seed)
  const at = new Installation()
  t.teardown(() => at.close())
  await at.open()
  const asked: truth.Asked[] = []
  const decisions: truth.Approved[] = []
  const counts: Record<string, number> = {}
  const churning = new AbortController()
  const living = at.ask(0, 'living', 0, 20)
  const churn = (async () => {
    for (let nth = 1; !churning.signal.aborted; nth += 1) {
      const count = 1 + Math.floor(random() * 5)
      asked.push(await at.ask(nth, `short-${nth}`, count, Math.floor(random() * 60)))
      await delay(100)
    }
  })()
  const decide = async (): Promise<void> => {
    const reason = `decision ${decisions.length + 1}.`
    const from = Date.now()
    const word = decisions.length % 2 === 0 ? '--allow' : '--deny'
    await at.secco('profile', 'call', 'other', word, 'times', '--reason', reason)
    decisions.push({ reason, at: [from, Date.now()] })
  }
  for (let moment = 1; moment <= moments; moment += 1) {
    const meanwhile = moment % 3 === 0 ? decide : () => Promise.resolve()
    const which = await restartAtRandom(at, random, meanwhile)
    counts[which] = (counts[which] ?? 0) + 1
  }
  churning.abort()
  await churn
  await at.signal('living')
  asked.push(await living)
  await at.programs.ready('hub')
  await at.programs.ready('satellite')
  const known = until(
    'everything to be known',
    async () => {
      const wrong = await everyWrong(at, asked, decisions)
      if (wrong.length > 0) throw new Error(`${wrong.length}:\n${wrong.slice(0, 20).join('\n')}`)
      return true
    },
    patience
  )
  await t.resolves(known, 'nothing is missing, and no count and no time is wrong')
  t.strictSame(at.programs.ended, [], 'no program ended by itself')
  const denied = asked.reduce((sum, { count }) => sum + count, 0)
  const facts = { seed, moments, ...counts, containers: asked.length, denied }
  t.comment(JSON.stringify({ ...facts, decisions: decisions.length }))
})
