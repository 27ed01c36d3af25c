import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Mutant } from './mutant.js'
import type { MutantOutcome, MutantResult } from './run-mutants.js'

interface Line {
  key: string
  outcome: MutantOutcome
  seconds: number
  detail: string
}

/** Returns what tells two states of a checkout apart: its commit, and what differs from it. */
export function stateOf(root: string): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 })
  return git('rev-parse', 'HEAD') + git('diff', 'HEAD', '--binary')
}

/**
 * MutantRecord keeps the result of each mutant in a file, so that a run that was ended goes on where it was. A result
 * counts for the same row in the same state of the checkout.
 */
export class MutantRecord {
  readonly #path: string
  readonly #state: string
  readonly #lines = new Map<string, Line>()

  /** @param resume false: forgets the results of earlier runs */
  constructor(path: string, state: string, resume: boolean) {
    this.#path = path
    this.#state = state
    mkdirSync(dirname(path), { recursive: true })
    const text = resume && existsSync(path) ? readFileSync(path, 'utf8') : ''
    // A line that was cut off by the end of the run is written again.
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    for (const line of whole.split('\n').filter((one) => one !== '')) {
      const read = JSON.parse(line) as Line
      this.#lines.set(read.key, read)
    }
    writeFileSync(path, whole)
  }

  /** Returns the result of an earlier run. Rows that were wrong are tried again. */
  earlier(mutant: Mutant): MutantResult | undefined {
    const line = this.#lines.get(this.#keyOf(mutant))
    if (line === undefined || line.outcome === 'error') return undefined
    const { outcome, seconds, detail } = line
    return { mutant, outcome, seconds, detail }
  }

  add({ mutant, outcome, seconds, detail }: MutantResult): void {
    const line: Line = { key: this.#keyOf(mutant), outcome, seconds, detail }
    appendFileSync(this.#path, `${JSON.stringify(line)}\n`)
  }

  #keyOf(mutant: Mutant): string {
    const hash = createHash('sha256').update(this.#state).update(JSON.stringify(mutant))
    return hash.digest('hex')
  }
}
