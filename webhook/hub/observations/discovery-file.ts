import { readFile } from 'node:fs/promises'
import { toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import { errnoOf, writeDurable } from '../../../src/lib/durable-file.js'
import { createDiscovery, type Discovery, type SavedDiscovery } from './discovery.js'

const waitMs = 30_000

/** SavingDiscovery is a discovery that is saved to a file. */
export type SavingDiscovery = Discovery & { flush: () => Promise<void> }

/** Returns what an earlier hub saved; nothing when there is no file. A file that cannot be read is logged. */
async function load(path: string, logger: Logger): Promise<SavedDiscovery> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new Error('is not an object')
    const entries = Object.entries(value as SavedDiscovery)
    return Object.fromEntries(entries.filter(([, one]) => Array.isArray(one.events)))
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') {
      const reason = error instanceof Error ? error.message : String(error)
      logger.warn({ code: 'STORE_CORRUPT', where: path, reason }, 'earlier discovery is not known')
    }
    return {}
  }
}

/** Opens a discovery that is saved at most every 30 s, and at the end. Failures are logged; nothing depends on them. */
export async function openDiscovery(path: string, logger: Logger): Promise<SavingDiscovery> {
  const discovery = createDiscovery(await load(path, logger))
  let timer: NodeJS.Timeout | undefined
  async function flush(): Promise<void> {
    if (timer === undefined) return
    clearTimeout(timer)
    timer = undefined
    try {
      await writeDurable(path, JSON.stringify(discovery.saved()))
    } catch (thrown) {
      const { code, message } = toSeccoError(thrown)
      logger.error({ code, reason: message }, 'discovery not saved')
    }
  }
  return {
    ...discovery,
    note(observation, finding) {
      discovery.note(observation, finding)
      timer ??= setTimeout(() => void flush(), waitMs)
      timer.unref()
    },
    flush
  }
}
