import { setTimeout as delay } from 'node:timers/promises'
import type { BenchRow } from './row.js'
import { cpuSeconds, residentMb, startRig } from './satellite-rig.js'

const windowMs = 4000

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

/** `secco satellite` connected to a hub with nothing to do: memory, and share of one core. */
export async function benchSatellite(options: { rounds: number }): Promise<BenchRow[]> {
  const satellite = await startRig()
  try {
    await delay(windowMs)
    const memory: number[] = []
    const share: number[] = []
    for (let round = 0; round < options.rounds; round += 1) {
      const [before, started] = [await cpuSeconds(satellite.pid), process.hrtime.bigint()]
      await delay(windowMs)
      const elapsed = Number(process.hrtime.bigint() - started) / 1e9
      share.push(((await cpuSeconds(satellite.pid)) - before) / elapsed)
      memory.push(await residentMb(satellite.pid))
    }
    const row = (name: string, unit: string, values: readonly number[]): BenchRow => ({
      case: name,
      unit,
      min: Math.min(...values),
      median: median(values),
      rounds: options.rounds,
      ratio: {}
    })
    return [
      row('idle satellite, memory', 'MB', memory),
      row(
        'idle satellite, share of a core',
        '%',
        share.map((value) => value * 100)
      )
    ]
  } finally {
    await satellite.close()
  }
}
