import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openRegistry } from '../../satellite/containers/registry.js'
import { runcRuntime } from '../../satellite/containers/runc.js'
import { startInspector } from '../../satellite/inspector/inspector.js'
import { createLogger } from '../../src/lib/log.js'
import { quiet } from '../helpers/quiet.js'
import { idsOf, openFleet } from './container-fleet.js'
import type { BenchRow } from './row.js'

const containers = 1000
const windowMs = 20_000

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Of helpers that have ended (proc_pid_stat(5), cutime and cstime), in steps of 10 ms. */
const helpersMs = (): number => {
  const stat = readFileSync('/proc/self/stat', 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return 10 * (Number(fields[13]) + Number(fields[14]))
}

/** Looking at 1,000 real runc containers: everything at once, and what it costs to go on. */
export async function benchInventory(options: { rounds: number }): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'secco-inventory-'))
  const fleet = await openFleet(folder, 'bench')
  const idOf = idsOf('inventory')
  const logger = createLogger('bench', quiet)
  try {
    for (let n = 0; n < containers; n += 20) {
      await Promise.all(Array.from({ length: 20 }, (_, i) => fleet.stay(idOf(n + i), (n + i) % 8)))
    }
    const [walls, cpus, helpers]: [number[], number[], number[]] = [[], [], []]
    let steady = 0
    for (let round = 0; round < options.rounds; round += 1) {
      const registry = openRegistry([runcRuntime([fleet.root])], logger)
      await registry.refresh()
      const inspector = startInspector({
        ...{ registry, logger, seccompRoot: join(folder, 'seccomp'), holding: () => [] },
        ...{ abis: ['x86_64', 'i386', 'x32'], onChange: () => undefined }
      })
      const [began, cpu, helped] = [performance.now(), cpuMs(), helpersMs()]
      await inspector.scan()
      walls.push(performance.now() - began)
      cpus.push(cpuMs() - cpu)
      helpers.push(helpersMs() - helped)
      const checked = inspector.list().filter((one) => one.checked === 'bytes').length
      if (checked < containers) throw new Error(`${checked} of ${containers} were checked`)
      if (round === options.rounds - 1) {
        await delay(16_000)
        const [from, at] = [cpuMs(), performance.now()]
        await delay(windowMs)
        steady = (100 * (cpuMs() - from)) / (performance.now() - at)
      }
      await inspector.close()
      registry.close()
    }
    const row = (name: string, unit: string, values: readonly number[]): BenchRow => {
      const sorted = [...values].sort((a, b) => a - b)
      return {
        ...{ case: `inventory of ${containers} containers: ${name}`, unit, rounds: values.length },
        ...{ min: sorted[0] ?? 0, median: sorted[Math.floor(sorted.length / 2)] ?? 0, ratio: {} }
      }
    }
    return [
      row('everything, filters compared', 'ms', walls),
      row('its CPU in this process', 'ms', cpus),
      row('its CPU in the helper that reads filters', 'ms', helpers),
      row('steady, share of a core', '%', [steady])
    ]
  } finally {
    await fleet.close()
    await rm(folder, { recursive: true, force: true })
  }
}
