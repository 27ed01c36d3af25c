import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { CheckoutCopy } from './copy.js'
import { classOf, type Mutant, MutantError } from './mutant.js'
import { runTest, type TestRun } from './run-test.js'

/** `error`: the row is wrong: its text is not there, it does not compile, or its tests fail without it. */
export type MutantOutcome = 'noticed' | 'survived' | 'hung' | 'error'

export interface MutantResult {
  mutant: Mutant
  outcome: MutantOutcome
  seconds: number
  /** The assertion that noticed the fault, or what is wrong with the row. */
  detail: string
}

export interface RunOptions {
  root: string
  mutants: readonly Mutant[]
  /** Copies of the checkout that are used at the same time. */
  jobs: number
  /** Test files that attach to the kernel or measure time run one at a time. */
  isAlone: (test: string) => boolean
  /** Test files that may be ended at their first failure: they leave nothing behind outside their process. */
  mayEndEarly: (test: string) => boolean
  report: (result: MutantResult) => void
  /** Seconds that a test file may take with a fault, by those that it takes without one. */
  limitOf?: (seconds: number) => number
}

/** With a fault a file may take longer: its waits are bounded, and end by failing. */
const usualLimit = (seconds: number): number => Math.round(60 + 4 * seconds)
/** Seconds that a file may take without a fault. */
const firstLimit = 1800

/** Removes copies of runs that were killed. */
function removeLeftCopies(root: string): void {
  for (const name of readdirSync(join(root, 'build/mutants'))) {
    if (existsSync(`/proc/${name.split('-')[0] ?? ''}`)) continue
    rmSync(join(root, 'build/mutants', name), { recursive: true, force: true })
  }
}

/** MutantRun runs each test file without a fault once, then the mutants, each against its tests. */
class MutantRun {
  readonly #options: RunOptions
  readonly #baselines = new Map<string, Promise<TestRun>>()
  readonly results: MutantResult[] = []

  constructor(options: RunOptions) {
    this.#options = options
  }

  async run(): Promise<MutantResult[]> {
    const { root, mutants, jobs, isAlone } = this.#options
    const alone = mutants.filter(({ tests }) => tests.some(isAlone))
    const beside = mutants.filter((mutant) => !alone.includes(mutant))
    const copies = Array.from(
      { length: jobs },
      (_, nth) => new CheckoutCopy(root, join(root, 'build/mutants', `${process.pid}-${nth}`))
    )
    try {
      removeLeftCopies(root)
      const queue = [...beside]
      await Promise.all(copies.map((copy) => this.#drain(copy, queue)))
      const [first] = copies
      if (first !== undefined) await this.#drain(first, [...alone])
    } finally {
      for (const copy of copies) copy.remove()
    }
    return this.results
  }

  async #drain(copy: CheckoutCopy, queue: Mutant[]): Promise<void> {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const result = await this.#try(copy, next)
      this.results.push(result)
      this.#options.report(result)
    }
  }

  async #try(copy: CheckoutCopy, mutant: Mutant): Promise<MutantResult> {
    const began = Date.now()
    const result = (outcome: MutantOutcome, detail: string): MutantResult => {
      return { mutant, outcome, detail, seconds: (Date.now() - began) / 1000 }
    }
    try {
      const baselines = new Map<string, TestRun>()
      for (const test of mutant.tests) baselines.set(test, await this.#baseline(copy, test))
      copy.apply(mutant)
      let hung = ''
      for (const [test, { seconds }] of baselines) {
        const run = await this.#runIn(copy, test, (this.#options.limitOf ?? usualLimit)(seconds))
        if (run.outcome === 'failed') return result('noticed', run.failure)
        if (run.outcome === 'broken') return result('error', `${test}: no test was run`)
        if (run.outcome === 'hung') hung ||= `${test}: ${run.failure}`
      }
      return hung === '' ? result('survived', '') : result('hung', hung)
    } catch (error) {
      if (error instanceof MutantError) return result('error', error.message)
      throw error
    } finally {
      copy.restore()
    }
  }

  /** Runs a test file without any fault, once for all rows. @throws MutantError when it does not pass. */
  async #baseline(copy: CheckoutCopy, test: string): Promise<TestRun> {
    const run =
      this.#baselines.get(test) ?? this.#runIn(copy, test, firstLimit, { endEarly: false })
    this.#baselines.set(test, run)
    const { outcome, failure } = await run
    if (outcome === 'passed') return run
    throw new MutantError(`${test}: ${outcome} without a fault: ${failure}`)
  }

  #runIn(
    copy: CheckoutCopy,
    test: string,
    limitSeconds: number,
    { endEarly = this.#options.mayEndEarly(test) } = {}
  ): Promise<TestRun> {
    return runTest(test, { root: copy.path, limitSeconds, endEarly })
  }
}

/** Tries every mutant. The results have the order in which they came. */
export function runMutants(options: RunOptions): Promise<MutantResult[]> {
  return new MutantRun(options).run()
}

/** Returns what is wrong with a result; undefined for a fault that was noticed, or that is known to survive. */
export function problemOf({ mutant, outcome, detail }: MutantResult): string | undefined {
  const { survives } = mutant
  if (outcome === 'error') return detail
  if (outcome === 'noticed') {
    return survives === undefined
      ? undefined
      : 'is noticed now: remove the reason why it may survive'
  }
  return survives === undefined ? `${outcome}: no test noticed it` : undefined
}

/** Returns one line for each class of mutants, and one for all of them. */
export function summaryOf(results: readonly MutantResult[]): string[] {
  const classes = [...new Set(results.map(({ mutant }) => classOf(mutant)))].sort()
  const line = (name: string, some: readonly MutantResult[]): string => {
    const count = (outcome: MutantOutcome) =>
      String(some.filter((one) => one.outcome === outcome).length).padStart(9)
    const accepted = some.filter(
      (one) => one.mutant.survives !== undefined && one.outcome === 'survived'
    ).length
    const counts = (['noticed', 'survived', 'hung', 'error'] as const).map(count).join('')
    return `${name.padEnd(14)}${String(some.length).padStart(8)}${counts}${String(accepted).padStart(9)}`
  }
  return [
    `${'class'.padEnd(14)} mutants  noticed survived     hung    error accepted`,
    ...classes.map((name) =>
      line(
        name,
        results.filter(({ mutant }) => classOf(mutant) === name)
      )
    ),
    line('total', results)
  ]
}
