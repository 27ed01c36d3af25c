import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { repositoryRoot } from '../helpers/repository.js'

type TallyEvent = { kind: string; name: string; details?: readonly string[] }
interface Tally {
  total: { passed: number; failed: number }
  line(text: string): void
  end(): void
}
const { createTally } = (await import(join(repositoryRoot, 'bin/tap-tally.mjs'))) as {
  createTally: (report: (event: TallyEvent) => void) => Tally
}

/** `hung`: it was ended at its time limit, or nothing failed but a time limit of its own. `broken`: no test was run. */
export type TestOutcome = 'passed' | 'failed' | 'hung' | 'broken'

export interface TestRun {
  outcome: TestOutcome
  seconds: number
  /** The first assertion that failed. */
  failure: string
}

export interface TestRunOptions {
  /** Root of the checkout that is tested. */
  root: string
  limitSeconds: number
  /** End the file at its first failure; not where it would leave a container or a mount behind. */
  endEarly: boolean
}

const isTimeout = ({ name, details = [] }: TallyEvent): boolean =>
  /timeout!/.test(name) || details.some((line) => /timeout!|signal: SIGALRM/.test(line))

const running = new Set<number>()

/** Ends the test files that run now. */
export function endTests(): void {
  for (const pid of running) killGroup(pid)
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // All of them have ended.
  }
}

/** Runs the compiled form of one test file in a process group of its own. */
export async function runTest(test: string, options: TestRunOptions): Promise<TestRun> {
  const { root, limitSeconds, endEarly } = options
  const began = Date.now()
  const preload = './build/test/helpers/end-when-idle.js'
  const compiled = join('build', test.replace(/\.ts$/, '.js'))
  const child = spawn(
    process.execPath,
    [...(existsSync(join(root, preload)) ? [`--import=${preload}`] : []), compiled],
    {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, NO_COLOR: '1', TAP_TIMEOUT: String(2 * limitSeconds), SECCO_FUZZ: '1' }
    }
  )
  if (child.pid !== undefined) running.add(child.pid)
  const failures: TallyEvent[] = []
  const tally = createTally((event) => {
    if (event.kind === 'failed') failures.push(event)
    if (endEarly && event.kind === 'failed' && !isTimeout(event)) killGroup(child.pid)
  })
  tally.line(`# Subtest: ${test}`)
  const time = { isOver: false }
  const limit = setTimeout(() => {
    time.isOver = true
    killGroup(child.pid)
  }, limitSeconds * 1000)
  const lines = createInterface({ input: child.stdout }).on('line', (line) =>
    tally.line(`    ${line}`)
  )
  const read = new Promise((end) => lines.on('close', end))
  const code = await new Promise<number | string>((end) => {
    child.on('error', (error) => end(error.message))
    child.on('exit', (status, signal) => end(status ?? signal ?? ''))
  })
  clearTimeout(limit)
  await Promise.race([read, delay(2000, undefined, { ref: false })])
  child.stdout.destroy()
  killGroup(child.pid)
  running.delete(child.pid ?? 0)
  tally.end()
  const asserted = tally.total.passed + tally.total.failed > 0
  const real = failures.filter((event) => !isTimeout(event))
  const outcome =
    real.length > 0
      ? 'failed'
      : time.isOver || failures.length > 0
        ? 'hung'
        : !asserted
          ? 'broken'
          : code === 0
            ? 'passed'
            : 'failed'
  const failure = real[0]?.name ?? failures[0]?.name ?? (code === 0 ? '' : `ended with ${code}`)
  return { outcome, seconds: (Date.now() - began) / 1000, failure }
}
