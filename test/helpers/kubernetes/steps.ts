import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'

/** Why a command ends early: a signal of the system, such as Ctrl-C's. */
export class Interrupted extends Error {
  readonly signalName: NodeJS.Signals

  constructor(signalName: NodeJS.Signals) {
    super(`interrupted by ${signalName}`)
    this.signalName = signalName
  }
}

/** A step that is going on. */
export interface Step {
  /** Aborted when the time is up, or by an interruption. */
  signal: AbortSignal
  /** Names what the step is waiting for; the lines of progress repeat it. */
  waitFor: (what: string) => void
}

export type RunStep = <T>(
  title: string,
  limitMs: number,
  work: (step: Step) => Promise<T>
) => Promise<T>

interface StepsOptions {
  say: (line: string) => void
  /** Ends the running step, and every later one, with its reason. */
  interrupt: AbortSignal
  /** How often a long step is reported. */
  everyMs?: number
  /** How long work may take to clean up after its signal. */
  graceMs?: number
}

/** Reports the steps of a long command as they begin, go on and end, and ends each one within its limit. */
export function createSteps(options: StepsOptions): RunStep {
  const { say, interrupt, everyMs = 15_000, graceMs = 30_000 } = options
  return async (title, limitMs, work) => {
    interrupt.throwIfAborted()
    const started = Date.now()
    const seconds = (): string => ((Date.now() - started) / 1000).toFixed(0)
    const limit = `at most ${Math.round(limitMs / 1000)} s`
    const timeUp = new AbortController()
    const settled = new AbortController()
    const signal = AbortSignal.any([interrupt, timeUp.signal])
    let awaited = ''
    say(`${title} (${limit})`)
    const timer = setTimeout(() => {
      const last = awaited === '' ? '' : `; still waiting for ${awaited}`
      timeUp.abort(new Error(`${title}: not done after ${seconds()} s${last}`))
    }, limitMs)
    const ticker = setInterval(() => {
      say(`  ${seconds()} s: ${awaited === '' ? 'going on' : `waiting for ${awaited}`}`)
    }, everyMs)
    const overdue = async (): Promise<never> => {
      await once(signal, 'abort', { signal: settled.signal })
      await delay(graceMs, undefined, { signal: settled.signal })
      throw signal.reason
    }
    try {
      const waitFor = (what: string): void => void (awaited = what)
      const done = await Promise.race([work({ signal, waitFor }), overdue()])
      say(`  done in ${seconds()} s`)
      return done
    } catch (error) {
      // Ctrl-C also ends the programs that the work runs; their failures are not the reason.
      interrupt.throwIfAborted()
      throw error
    } finally {
      clearTimeout(timer)
      clearInterval(ticker)
      settled.abort()
    }
  }
}
