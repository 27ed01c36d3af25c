import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../../native/paths.js'
import { openRecorder } from '../../native/recorder.js'
import { type BenchRow, toRow } from './row.js'

const containers = 1000
/** So many different calls each of them made, at least (crowd.c). */
const callsEach = 48

export const setCases = {
  seen: `the sets of ${containers} containers, from the mapped table at once (not used by the satellite)`,
  read: `calls and counts of ${containers} containers, one by one as the satellite reads them`
} as const

/**
 * µs to read what 1,000 containers have used: bits alone, all at once; and calls with their counts, each on its own,
 * which is what the satellite does.
 */
export async function benchSets(rounds: number): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'secco-bench-'))
  const program = join(folder, 'crowd')
  execFileSync('cc', ['-O1', '-o', program, join(packageRoot(), 'test', 'bench', 'crowd.c')])
  const recorder = openRecorder()
  try {
    recorder.attach()
    const crowd = spawn(program, [String(containers)], { stdio: ['pipe', 'pipe', 'inherit'] })
    const ended = once(crowd, 'exit')
    try {
      const [said] = (await Promise.race([once(crowd.stdout, 'data'), ended])) as [unknown]
      if (String(said) !== 'ready\n') throw new Error('the crowd ended: it needs root')
      const slots = recorder.slots().filter(({ comm }) => comm === 'crowd')
      if (slots.length !== containers) throw new Error(`${slots.length} containers were met`)
      const [seen, read]: [number[], number[]] = [[], []]
      for (let round = 0; round < rounds * 10; round += 1) {
        const began = process.hrtime.bigint()
        const { words, stride } = recorder.seen()
        const between = process.hrtime.bigint()
        let calls = 0
        for (const { index, generation } of slots) {
          calls += recorder.read(index, generation)?.native.size ?? 0
        }
        read.push(Number(process.hrtime.bigint() - between) / 1000)
        seen.push(Number(between - began) / 1000)
        // Others' containers may be in the table too.
        if (words.length < containers * stride) throw new Error('not all sets were read')
        if (calls < containers * callsEach) throw new Error('not all calls were read')
      }
      return [toRow(setCases.seen, 'µs', seen), toRow(setCases.read, 'µs', read)]
    } finally {
      crowd.stdin.end()
      await ended
    }
  } finally {
    recorder.stop()
    rmSync(folder, { recursive: true })
  }
}
