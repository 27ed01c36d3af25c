import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../../native/paths.js'
import { type Loop, startLoop } from './loop.js'
import { type BenchRow, least, round3, toRow } from './row.js'
import { benchSets } from './sets.js'
import { type Subject, subjects, treatments } from './treatments.js'

const straceCalls = 1000

type Cells = Map<Subject, Map<string, number[]>>

function cellRows(cells: Cells): BenchRow[] {
  const of = (subject: Subject, name: string): number[] => cells.get(subject)?.get(name) ?? []
  return (Object.keys(subjects) as Subject[]).flatMap((subject) =>
    treatments
      .filter((treatment) => treatment.subjects.includes(subject))
      .map(({ name, against }) => {
        const values = of(subject, name)
        const ratio = against.map((other) => [
          other,
          round3(least(values) / least(of(subject, other)))
        ])
        return toRow(
          `${subjects[subject]}, ${name}`,
          'ns',
          values,
          Object.fromEntries(ratio) as Record<string, number>
        )
      })
  )
}

/**
 * Every cell once, with processes of this round: where a process and its structures lie in the caches is worth some
 * percent too.
 */
async function measureRound(program: string, round: number, cells: Cells): Promise<void> {
  const loops = new Map<Subject, Loop>()
  try {
    for (const subject of cells.keys()) loops.set(subject, startLoop(program, subject))
    // The order turns, so that no treatment always follows the same one.
    for (let turn = 0; turn < treatments.length; turn += 1) {
      const treatment = treatments[(turn + round) % treatments.length]
      if (treatment === undefined) continue
      const detach = await treatment.attach(loops)
      for (const subject of treatment.subjects) {
        const cost = await loops.get(subject)?.measure(treatment.calls)
        if (cost !== undefined) cells.get(subject)?.get(treatment.name)?.push(cost.cpu)
      }
      detach()
    }
  } finally {
    for (const loop of loops.values()) await loop.stop()
  }
}

/**
 * ns of thread CPU time per getppid call: three subjects times the treatments, every cell once a
 * round, so that what disturbs the machine disturbs all alike. Ratios compare the minima. strace's
 * own work is on the wall only, so its row has that. Then the time to read 1,000 containers' sets.
 * @throws NativeUnavailable where nothing can be traced.
 */
export async function benchRecorder(options: { rounds: number }): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'secco-bench-'))
  const program = join(folder, 'loop')
  execFileSync('cc', ['-O2', '-o', program, join(packageRoot(), 'test', 'bench', 'loop.c')])
  const strace = startLoop(program, 'filter', ['strace', '-f', '-c', '-o', '/dev/null'])
  const straced: number[] = []
  const cells: Cells = new Map(
    (Object.keys(subjects) as Subject[]).map((subject) => [
      subject,
      new Map(treatments.map(({ name }) => [name, []]))
    ])
  )
  try {
    for (let round = 0; round < options.rounds; round += 1) {
      await measureRound(program, round, cells)
      straced.push((await strace.measure(straceCalls)).wall)
    }
  } finally {
    await strace.stop()
    rmSync(folder, { recursive: true })
  }
  const untraced = cells.get('filter')?.get('untraced') ?? []
  return [
    ...cellRows(cells),
    toRow(`${subjects.filter}, reference: strace -f -c (wall)`, 'ns', straced, {
      untraced: round3(least(straced) / least(untraced))
    }),
    ...(await benchSets(options.rounds))
  ]
}
