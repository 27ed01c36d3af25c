import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { loadAddon } from '../../native/addon.js'
import { nativeBuild, packageRoot } from '../../native/paths.js'
import { openRecorder } from '../../native/recorder.js'
import type { BenchRow } from './row.js'

const calls = 100_000

/** What is attached to sys_exit while a cell is measured. */
const treatments = ['untraced', 'empty', 'recorder'] as const
type Treatment = (typeof treatments)[number]

const subjects = {
  plain: 'process outside any container',
  filter: 'container with a filter',
  deny: 'denied call in a container'
} as const
type Subject = keyof typeof subjects

interface Loop {
  child: ChildProcessByStdio<Writable, Readable, null>
  /** ns of CPU per call. */
  measure(): Promise<number>
}

function startLoop(program: string, subject: Subject): Loop {
  const child = spawn(program, [subject], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    child,
    async measure() {
      child.stdin.write(`${calls}\n`)
      const line = await lines.next()
      if (line.done === true) throw new Error(`the loop '${subject}' ended: it needs root`)
      return Number(line.value)
    }
  }
}

/** Attaches a treatment; returns how to take it off again. */
function attacher(): { attach(treatment: Treatment): () => void; stop(): void } {
  const addon = loadAddon()
  const recorder = openRecorder()
  return {
    attach(treatment) {
      if (treatment === 'untraced') return () => undefined
      if (treatment === 'empty') {
        const empty = addon.attachObject(nativeBuild('empty.bpf.o'))
        return () => {
          empty.stop()
        }
      }
      recorder.attach()
      return () => {
        recorder.detach()
      }
    },
    stop: () => {
      recorder.stop()
    }
  }
}

const round3 = (value: number): number => Math.round(value * 1000) / 1000

function toRow(
  subject: Subject,
  treatment: Treatment,
  cells: Map<Treatment, number[]>,
  rounds: number
): BenchRow {
  const sorted = (which: Treatment): number[] => [...(cells.get(which) ?? [])].sort((a, b) => a - b)
  const least = (which: Treatment): number => sorted(which)[0] ?? Number.NaN
  const own = sorted(treatment)
  return {
    case: `${subjects[subject]}, ${treatment}`,
    unit: 'ns',
    min: round3(least(treatment)),
    median: round3(own[own.length >> 1] ?? Number.NaN),
    rounds,
    ratio: {
      ...(treatment === 'recorder' && { empty: round3(least('recorder') / least('empty')) }),
      ...(treatment !== 'untraced' && { untraced: round3(least(treatment) / least('untraced')) })
    }
  }
}

/**
 * ns of thread CPU time per getppid call: three subjects times three treatments, every cell once a
 * round, so that what disturbs the machine disturbs all alike. Ratios compare the minima.
 * @throws NativeUnavailable where nothing can be traced.
 */
export async function benchRecorder(options: { rounds: number }): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'secco-bench-'))
  const program = join(folder, 'loop')
  execFileSync('cc', ['-O2', '-o', program, join(packageRoot(), 'test', 'bench', 'loop.c')])
  const tracing = attacher()
  const loops = new Map<Subject, Loop>()
  const cells = new Map<Subject, Map<Treatment, number[]>>()
  try {
    for (const subject of Object.keys(subjects) as Subject[]) {
      loops.set(subject, startLoop(program, subject))
      cells.set(subject, new Map(treatments.map((treatment) => [treatment, []])))
    }
    for (let round = 0; round < options.rounds; round++) {
      // The order turns, so that no treatment always follows the same one.
      for (let turn = 0; turn < treatments.length; turn++) {
        const treatment = treatments[(turn + round) % treatments.length] ?? 'untraced'
        const detach = tracing.attach(treatment)
        for (const [subject, loop] of loops) {
          cells
            .get(subject)
            ?.get(treatment)
            ?.push(await loop.measure())
        }
        detach()
      }
    }
  } finally {
    tracing.stop()
    for (const { child } of loops.values()) {
      child.stdin.end()
      if (child.exitCode === null) await once(child, 'exit')
    }
    rmSync(folder, { recursive: true })
  }
  return [...cells].flatMap(([subject, of]) =>
    treatments.map((treatment) => toRow(subject, treatment, of, options.rounds))
  )
}
