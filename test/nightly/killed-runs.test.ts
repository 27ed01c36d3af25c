import { spawn } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { seededRandom } from '../helpers/random.js'
import { repositoryRoot } from '../helpers/repository.js'

interface EndedRun {
  name: string
  folder: string
}
const { baseFolder, endedRuns } = (await import(join(repositoryRoot, 'bin/test-run.mjs'))) as {
  baseFolder: () => string
  endedRuns: (base: string) => EndedRun[]
}
const namesOfEnded = () => endedRuns(baseFolder()).map(({ name }) => name)

const kills = Number(process.env['SECCO_KILLED_RUNS'] ?? 10)
// Without a turn the test would pass.
if (!Number.isSafeInteger(kills) || kills < 1)
  throw new Error('SECCO_KILLED_RUNS is not a number of runs, at least 1')
const seed = Number(process.env['SECCO_TEST_SEED'] ?? Date.now() % 1_000_000)

/** Returns what a person has who types `npm test`: nothing of the run of this file but its folder. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(TAP|SECCO_|npm_|NODE_OPTIONS)/.test(name))
  )

interface Ended {
  /** An exit code, or the signal. */
  code: number | string | null
  seconds: number
  said: string
}

/** Runs the smoke tests in a process group of their own, which is killed after some seconds, if any are given. */
async function runSmoke(t: Test, killAfter?: number): Promise<Ended> {
  const began = Date.now()
  const child = spawn('npm', ['test', '--', 'smoke'], {
    cwd: repositoryRoot,
    env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true
  })
  const kill = () => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    process.kill(-child.pid, 'SIGKILL')
  }
  t.teardown(kill)
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  const exited = new Promise<number | string | null>((done) => {
    child.on('error', (error) => done(error.message))
    child.on('exit', (code, signal) => done(code ?? signal))
  })
  const timer = killAfter === undefined ? undefined : setTimeout(kill, killAfter * 1000)
  const code = await exited
  clearTimeout(timer)
  // What outlives the group may hold its output open.
  await delay(100)
  return { code, seconds: (Date.now() - began) / 1000, said }
}

test(`the run after a killed one passes, ${kills} times`, {
  timeout: 4 * 3_600_000
}, async (t) => {
  t.comment(`seed ${seed} (repeat with SECCO_TEST_SEED)`)
  const random = seededRandom(seed)
  // How long a run takes; the first kill is in its first half on a slow machine.
  let seconds = 150
  for (let nth = 1; nth <= kills; nth += 1) {
    const moment = random() * seconds
    const killed = await runSmoke(t, moment)
    const last = killed.said.trim().split('\n').at(-1) ?? ''
    t.comment(`killed after ${moment.toFixed(1)} of ${seconds.toFixed(0)} s, after: ${last}`)
    const ended = namesOfEnded()
    const next = await runSmoke(t)
    const lines = next.said.split('\n')
    for (const line of lines.filter((one) => /^(removed|cannot remove) /.test(one))) t.comment(line)
    t.equal(next.code, 0, `the run after kill ${nth} of ${kills}`)
    if (next.code !== 0) t.comment(lines.slice(-80).join('\n'))
    t.notMatch(next.said, /^cannot remove/m)
    const remaining = namesOfEnded().filter((name) => ended.includes(name))
    t.strictSame(remaining, [], 'nothing is left of the killed run')
    seconds = next.seconds
  }
})
