import type { UsedSet } from '../../src/api/gen/hub.js'
import { syscallName } from '../../src/syscalls/syscall-table.js'
import { FleetSets } from '../../webhook/hub/nodes/used-sets.js'
import { simulate } from '../../webhook/confinement/what-if/simulate.js'
import { parseBlock } from '../../src/seccomp/render/block.js'
import { seededRandom } from '../helpers/random.js'
import type { BenchRow } from './row.js'

const containers = 100_000
const workloads = 500
const callsEach = 80

/** Sets like those of a fleet: workloads of some eighty calls, their containers with a few more or less. */
function fill(): FleetSets {
  const sets = new FleetSets()
  const random = seededRandom(7)
  const bases = Array.from({ length: workloads }, (_, n) => {
    const numbers = new Set<number>()
    while (numbers.size < callsEach) numbers.add(Math.floor(random() ** 2 * 335))
    // Sockets of the workload that uses AF_ALG are among them.
    if (n === 3) numbers.add(41)
    return [...numbers]
  })
  for (let n = 0; n < containers; n += 1) {
    const own = new Set(bases[n % workloads])
    own.add(Math.floor(random() * 335))
    const sorted = [...own].sort((a, b) => a - b)
    const bitmap = Buffer.alloc(64)
    for (const nr of sorted) bitmap[nr >> 3] = (bitmap[nr >> 3] ?? 0) | (1 << (nr & 7))
    const set: UsedSet = {
      ...{ key: `c${n}@1`, since: '2026-11-24T00:00:00.000Z', complete: true },
      abis: [{ abi: 'x86_64', bitmap, counts: sorted.map((nr) => nr + 1) }],
      arguments: [
        {
          ...{ abi: 'x86_64', name: 'socket', index: 0, many: false },
          values: n % workloads === 3 ? ['1', '38'] : ['1', '2', '10']
        }
      ]
    }
    sets.put(`node/${set.key}`, set)
  }
  return sets
}

/** A simulation over the sets of 100,000 running containers, in the hub's memory. */
export async function benchSimulation(options: { rounds: number }): Promise<BenchRow[]> {
  const sets = fill()
  const native = 'x86_64' as const
  const counts = new Float64Array(2048)
  const seventh = [...Array(330).keys()].filter((nr) => nr % 7 === 0)
  const trials = {
    'one call taken out': { native, deny: parseBlock('ptrace').rules },
    'one argument taken out (socket AF_ALG)': { native, deny: parseBlock('socket:0=38').rules },
    'a profile that denies every seventh call': {
      native,
      seccomp: {
        defaultAction: 'SCMP_ACT_ALLOW' as const,
        syscalls: [
          {
            names: seventh.map((nr) => syscallName(native, nr)),
            action: 'SCMP_ACT_ERRNO' as const
          }
        ]
      }
    }
  }
  const rows: BenchRow[] = []
  for (const [name, trial] of Object.entries(trials)) {
    const times: number[] = []
    let [hit, calls] = [0, 0]
    for (let round = 0; round < options.rounds; round += 1) {
      hit = calls = 0
      const started = performance.now()
      await simulate(
        sets,
        trial,
        () => true,
        (_, row, denied) => {
          hit += 1
          sets.countsOf(row, denied, counts)
          for (let at = 0; at < denied.length; at += 1) calls += counts[at] ?? 0
        }
      )
      times.push(performance.now() - started)
    }
    const sorted = [...times].sort((a, b) => a - b)
    rows.push({
      case: `simulation over ${containers} containers: ${name} (${hit} hit, ${calls} calls)`,
      ...{ unit: 'ms', min: sorted[0] ?? 0, rounds: options.rounds, ratio: {} },
      median: sorted[Math.floor(sorted.length / 2)] ?? 0
    })
  }
  return rows
}
