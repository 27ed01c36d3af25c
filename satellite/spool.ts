import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Observation } from '../src/api/gen/hub.js'
import {
  ensureFolder,
  removeAllDurable,
  sweepTemporary,
  writeAllDurable
} from '../src/store/durable-file.js'

/**
 * Observations that the hub has not acked, one file per instance with its newest cumulative set, so
 * that they outlive a killed satellite. A file is `<sha256 of the rest>\n<protobuf Observation>`.
 */
export interface Spool {
  /** What was left over, and what could not be read (those files stay as they are). */
  load(): Promise<{ observations: Observation[]; corrupt: string[] }>
  /** All durable when it resolves. WRITE_FAILED names a path; what was saved before it stays. */
  save(observations: readonly Observation[]): Promise<void>
  remove(ids: readonly string[]): Promise<void>
}

const headerLength = 65

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function parse(bytes: Buffer): Observation {
  const payload = bytes.subarray(headerLength)
  if (bytes.subarray(0, headerLength).toString('latin1') !== `${sha256(payload)}\n`) {
    throw new Error('the checksum does not match')
  }
  return Observation.decode(payload)
}

export async function openSpool(dir: string): Promise<Spool> {
  await ensureFolder(dir, 0o700)
  const pathOf = (id: string) => join(dir, `${sha256(id).slice(0, 40)}.observation`)
  const toFile = (observation: Observation) => {
    const payload = Observation.encode(observation).finish()
    const header = Buffer.from(`${sha256(payload)}\n`)
    return { path: pathOf(observation.id), content: Buffer.concat([header, payload]) }
  }
  return {
    async load() {
      // Nobody else writes here: whatever is temporary was left by a kill.
      await sweepTemporary(dir, 0)
      const observations: Observation[] = []
      const corrupt: string[] = []
      for (const name of (await readdir(dir)).sort()) {
        if (!name.endsWith('.observation')) continue
        const path = join(dir, name)
        try {
          const observation = parse(await readFile(path))
          if (pathOf(observation.id) !== path) throw new Error('it is not what its name says')
          observations.push(observation)
        } catch (error) {
          corrupt.push(`${path}: ${error instanceof Error ? error.message : String(error)}`)
        }
      }
      return { observations, corrupt }
    },
    save: (observations) => writeAllDurable(observations.map(toFile), 0o600),
    remove: (ids) => removeAllDurable(ids.map(pathOf))
  }
}
