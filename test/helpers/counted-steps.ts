import { Session } from 'node:inspector'
import { setFlagsFromString } from 'node:v8'

/*
 * Counts what a piece of work does, where a measured time depends on the machine, on what runs beside it, and on what the
 * compiler of V8 made of the code before. V8 counts how often each function and each block is entered (Profiler domain of
 * the inspector, precise coverage): a test that compares two counts gives the same answer each time. What built-in
 * functions do inside is not seen, except for JSON: its characters are counted.
 *
 * Only code that V8 compiles after this module was loaded is counted by blocks, and counting stays on: a file that imports
 * this has a process of its own, which bin/test-tiers.mjs holds it to.
 */

/** Counted is what a piece of work did. */
export interface Counted {
  /** How often functions and blocks were entered, those of libraries and of the test among them. */
  steps: number
  /** Characters that JSON.parse() read and JSON.stringify() wrote. */
  json: number
}

/** Neither Node's own code, which also runs by the clock, nor what runs the tests is counted. */
const isCounted = (url: string): boolean =>
  url.startsWith('file:') && !/\/node_modules\/(@tapjs|tap|tcompare|@isaacs|tap-[a-z]+)\//.test(url)

// An optimized function counts no calls of those that V8 has inlined in it.
setFlagsFromString('--no-opt')
setFlagsFromString('--no-maglev')
const session = new Session()
session.connect()
session.post('Profiler.enable')
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })

/** Returns how often what was entered since the last call. */
function takeSteps(): number {
  let steps = 0
  session.post('Profiler.takePreciseCoverage', (error, { result }) => {
    if (error !== null) throw new Error(`V8 counts nothing: ${error.message}`)
    for (const { url, functions } of result) {
      if (!isCounted(url)) continue
      for (const { ranges } of functions) for (const { count } of ranges) steps += count
    }
  })
  return steps
}

/** Counts the steps of a piece of work, and of whatever else runs in this thread meanwhile. */
export async function countSteps(work: () => unknown): Promise<Counted> {
  const { parse, stringify } = JSON
  let json = 0
  const counted =
    <A extends unknown[], R>(call: (...given: A) => R, textOf: (given: A, result: R) => unknown) =>
    (...given: A): R => {
      const result = call(...given)
      json += String(textOf(given, result)).length
      return result
    }
  JSON.parse = counted(parse, ([text]) => text)
  JSON.stringify = counted(stringify as (...given: unknown[]) => string, (_given, text) => text)
  takeSteps()
  try {
    await work()
    return { steps: takeSteps(), json }
  } finally {
    Object.assign(JSON, { parse, stringify })
  }
}

/**
 * Keeps timers that are started from now on from firing: what a program does every few seconds is more in a slow run.
 * Returns what ends that; timers that were started meanwhile never fire.
 */
export function holdTimers(): () => void {
  const { setTimeout: timeout, setInterval: interval } = globalThis
  const longestMs = 2 ** 31 - 1
  const held = (run: () => void) => timeout(run, longestMs).unref()
  Object.assign(globalThis, { setTimeout: held, setInterval: held })
  return () => Object.assign(globalThis, { setTimeout: timeout, setInterval: interval })
}
