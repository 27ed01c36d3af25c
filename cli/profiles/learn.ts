import { spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { SeccoError } from '../../src/lib/errors.js'
import { plain } from '../lib/io.js'
import { failedInRun } from './learn-evidence.js'
import { answerOf, printAnswer, verdictOf } from './learn-answer.js'
import { deniedNow, doubtOf, type LearnRun, recordedNow, startRun } from './learn-run.js'
import {
  type Doubt,
  keyOf,
  type LearnArgs,
  type LearnDependencies,
  type LearnState,
  noneAsked,
  stateOf
} from './learn-state.js'

function runOnce({ command, output }: LearnArgs, signal: AbortSignal): Promise<number> {
  const [program = '', ...rest] = command
  return new Promise((resolve, reject) => {
    // With -o json standard output is reserved for the result.
    const child = spawn(program, rest, {
      stdio: ['inherit', output === 'table' ? 'inherit' : 2, 'inherit'],
      signal
    })
    child.once('error', (cause) => {
      const what = `${program}: ${cause.message}`
      reject(new SeccoError('COMMAND_NOT_STARTED', what, { cause, exitCode: 2 }))
    })
    child.once('close', (code) => resolve(code ?? 1))
  })
}

/** Time between two runs of the test command, in ms. */
const pauseMs = 1000

interface Settled {
  state: LearnState
  doubt: Doubt | undefined
}

/** Waits until nothing that is missing can appear by waiting, or the time is over. */
async function settle(
  dependencies: LearnDependencies,
  args: LearnArgs,
  run: LearnRun | undefined,
  end: number
): Promise<Settled> {
  const { io, now, signal } = dependencies
  const said = new Set<string>()
  for (;;) {
    // Asked for in each round: what is judged was recorded after the command had ended.
    const recorded = await recordedNow(dependencies, args, run)
    const denied = await deniedNow(dependencies, args, run)
    const state = await stateOf(dependencies, args, { recorded, denied })
    const doubt = await doubtOf(dependencies, args, run, state)
    const why = waitsFor(args, state, { doubt, sinceMs: run && now() - run.endedAt })
    if (why === undefined || now() >= end || signal.aborted) return { state, doubt }
    if (!said.has(why)) io.stderr(`waiting: ${plain(why)}\n`)
    said.add(why)
    await delay(500, undefined, { signal }).catch(() => undefined)
  }
}

/** Returns what is worth waiting for, in words. @param sinceMs since the test command ended */
function waitsFor(
  { quietMs, untilConfident }: LearnArgs,
  { profile, missing }: LearnState,
  { doubt, sinceMs }: { doubt: Doubt | undefined; sinceMs: number | undefined }
): string | undefined {
  if (doubt !== undefined && sinceMs !== undefined) {
    // A doubt that waiting does not take away is reported at once.
    if (sinceMs < doubt.waitMs) return doubt.reason
    if (!untilConfident) return undefined
  } else if (doubt?.waitMs === Infinity) return doubt.reason
  if (profile === undefined) return untilConfident ? 'nothing was observed yet' : undefined
  const isQuiet = !missing.some(({ item }) => item === 'quiet')
  // What the command did last may still be on its way.
  const isHeard = sinceMs === undefined || sinceMs >= quietMs
  return isQuiet && isHeard ? undefined : `until nothing new comes for ${quietMs / 1000} s`
}

/** Reports that the test command failed, and what is known nevertheless. */
async function failed(
  dependencies: LearnDependencies,
  args: LearnArgs,
  { code, runs, run }: { code: number; runs: number; run: LearnRun }
): Promise<number> {
  const { io } = dependencies
  // What the nodes know of the run: a container that failed under its profile is mostly the cause.
  const recorded = await run.watch.recorded(args.ref)
  const asked = { recorded, denied: noneAsked }
  const state = await stateOf(dependencies, args, asked).catch(
    (): LearnState => ({ profile: undefined, missing: [], ...asked })
  )
  const cause = failedInRun({ key: keyOf(args.ref), before: run.before, after: state.profile })
  const what = `the test command failed with ${code}; its syscalls are observed nevertheless`
  const reason = cause === undefined ? what : `${cause.reason}; ${what}`
  const next = cause?.next ?? ''
  io.stderr(`${plain(reason)}\n`)
  if (args.output === 'table') {
    if (next !== '') io.stderr(`  next: ${next}\n`)
    return code
  }
  const judged = { verdict: 'CommandFailed', reason, next, exitCode: code } as const
  printAnswer(dependencies.io, args, answerOf(args, { ...state, runs, ...judged }))
  return code
}

/**
 * `secco learn WORKLOAD [--until-confident] [--fail-on-new FILE] -- COMMAND`: a gate for pipelines. It runs the test
 * command until the evidence is complete, and compares the result with a baseline.
 * @returns 0; the code of the command when it fails; 2: a name, an option, the baseline or the command is wrong;
 *   3: not confident in time; 4: syscalls beyond the baseline; 5: nothing is proven, because the workload was not recorded,
 *   or not completely
 * @throws SeccoError UNAVAILABLE: no hub runs, so nothing can be proven
 */
export async function runLearn(args: LearnArgs, dependencies: LearnDependencies): Promise<number> {
  const hasCommand = args.command.length > 0
  const run = hasCommand ? await startRun(dependencies, args) : undefined
  try {
    return await runInWatch(args, dependencies, run)
  } finally {
    await run?.watch.close()
  }
}

async function runInWatch(
  args: LearnArgs,
  dependencies: LearnDependencies,
  run: LearnRun | undefined
): Promise<number> {
  const { io, now, signal } = dependencies
  const end = now() + args.timeoutMs
  let runs = 0
  let said = ''
  let settled: Settled = {
    state: { profile: undefined, missing: [], recorded: undefined, denied: noneAsked },
    doubt: undefined
  }
  do {
    if (run !== undefined) {
      runs += 1
      const code = await runOnce(args, signal)
      run.endedAt = now()
      if (code !== 0) return await failed(dependencies, args, { code, runs, run })
    }
    settled = await settle(dependencies, args, run, end)
    const { missing: lacks } = settled.state
    if (!args.untilConfident || lacks.length === 0) break
    const missing = lacks.map(({ item, detail }) => `${item} (${plain(detail)})`).join(', ')
    if (missing !== said) io.stderr(`run ${runs}: still missing ${missing}\n`)
    said = missing
    // Evidence comes from containers: a command that ends at once does not give them time.
    await delay(pauseMs, undefined, { signal }).catch(() => undefined)
  } while (now() < end && !signal.aborted)
  const { state, doubt } = settled
  const answer = answerOf(args, { ...state, runs, ...verdictOf(args, state, doubt) })
  printAnswer(io, args, answer)
  return answer.exitCode
}
