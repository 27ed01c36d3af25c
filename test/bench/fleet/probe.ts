import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/*
 * Loaded before a program that is measured (`node --import`). On SIGUSR2 it writes what the program has cost into the file
 * that SECCO_BENCH_PROBE names, and begins to look for the longest block of the event loop again.
 */

/** What a program has cost since it started, and its longest block since the last question. */
export interface Cost {
  cpuMs: number
  rssMb: number
  blockMs: number
}

const file = process.env['SECCO_BENCH_PROBE']
if (file !== undefined) {
  const loop = monitorEventLoopDelay({ resolution: 1 })
  loop.enable()
  process.on('SIGUSR2', () => {
    const { user, system } = process.cpuUsage()
    const cost: Cost = {
      cpuMs: (user + system) / 1000,
      rssMb: process.memoryUsage.rss() / 2 ** 20,
      blockMs: loop.max / 1e6
    }
    loop.reset()
    writeFileSync(file, JSON.stringify(cost))
  })
}
