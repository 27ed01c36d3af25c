import { readFile } from 'node:fs/promises'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { toSeccoError } from '../../../src/lib/errors.js'
import type { Logger } from '../../../src/lib/log.js'
import { errnoOf, keepUnreadable, writeDurable } from '../../../src/lib/durable-file.js'
import { inParts } from '../../../src/lib/in-parts.js'
import { createDiscovery, type Discovery, type SavedDiscovery } from './discovery.js'

const waitMs = 30_000

/** SavingDiscovery is a discovery that is saved to a file. */
export type SavingDiscovery = Discovery & { flush: () => Promise<void> }

const Counts = Type.Record(Type.String(), Type.Number())
const entry = Compile(
  Type.Object({
    events: Type.Array(
      Type.Object({
        ...{ at: Type.String(), instance: Type.String(), node: Type.String() },
        ...{ part: Type.String(), what: Type.String(), names: Type.Array(Type.String()) },
        ...{ count: Type.Number(), own: Type.Number(), all: Type.Number() }
      })
    ),
    counts: Counts,
    instances: Type.Record(
      Type.String(),
      Type.Object({ counts: Counts, events: Type.Array(Type.String()) })
    )
  })
)

/** Keeps a file that could not be read, or not all of it, and logs what is lost. */
async function lose(path: string, reason: string, logger: Logger): Promise<void> {
  const kept = await keepUnreadable(path)
  const facts = { code: 'STORE_CORRUPT', where: path, reason, kept }
  logger.warn(facts, 'earlier discovery is not known')
}

/** Returns what an earlier hub saved, without the workloads that cannot be read; nothing when there is no file. */
async function load(path: string, logger: Logger): Promise<SavedDiscovery> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new Error('is not an object')
    const [known, lost]: [SavedDiscovery, string[]] = [{}, []]
    for (const [key, one] of Object.entries(value as Record<string, unknown>)) {
      if (entry.Check(one)) known[key] = one
      else lost.push(key)
    }
    const names = lost.slice(0, 5).join(', ')
    if (lost.length > 0) await lose(path, `no entries: ${lost.length}: ${names}`, logger)
    return known
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT')
      await lose(path, error instanceof Error ? error.message : String(error), logger)
    return {}
  }
}

function* textOf(saved: Iterable<[string, SavedDiscovery[string]]>): Iterable<string> {
  let before = '{\n'
  for (const [key, one] of saved) {
    yield `${before}${JSON.stringify(key)}:${JSON.stringify(one)}`
    before = ',\n'
  }
  yield before === ',\n' ? '\n}' : '{\n}'
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
      await writeDurable(path, inParts(textOf(discovery.saved())))
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
