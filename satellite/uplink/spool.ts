import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type DurableFiles, durableFiles, FileError } from '../../native/durable-files.js'
import { Observation } from '../../src/api/gen/hub.js'
import {
  ensureFolder,
  errnoOf,
  removeAllDurable,
  sweepTemporary,
  writeAllDurable,
  writeFailed
} from '../../src/lib/durable-file.js'

/** The newest cumulative observation of one instance, encoded. */
interface EncodedObservation {
  id: string
  bytes: Uint8Array
}

/**
 * Spool is a folder of observations that the hub has not acked, so that they survive a killed satellite. It has one
 * file per instance with the newest cumulative observation: `<sha256 of the rest>\n<protobuf Observation>`.
 */
export interface Spool {
  /** Calls `each` with every observation. Returns the problems of files that could not be read; these files stay. */
  load(each: (observation: Observation, bytes: Uint8Array) => void): Promise<string[]>
  /** Reads one instance's file; undefined if there is none. Rejects if it is damaged. */
  read(id: string): Promise<Uint8Array | undefined>
  /** Saves observations durably. Rejects with WRITE_FAILED, which names a path; what was saved before that stays. */
  save(observations: readonly EncodedObservation[]): Promise<void>
  remove(ids: readonly string[]): Promise<void>
}

const headerLength = 65

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function payloadOf(bytes: Buffer): Buffer {
  const payload = bytes.subarray(headerLength)
  if (bytes.subarray(0, headerLength).toString('latin1') !== `${sha256(payload)}\n`) {
    throw new Error('the checksum does not match')
  }
  return payload
}

/** Used without the addon, which writes many files at once. */
const slowFiles: DurableFiles = {
  write: (folder, files, mode) =>
    writeAllDurable(
      files.map(({ name, content }) => ({ path: join(folder, name), content })),
      mode
    ),
  remove: (folder, names) => removeAllDurable(names.map((name) => join(folder, name)))
}

export async function openSpool(
  dir: string,
  files: DurableFiles = durableFiles() ?? slowFiles
): Promise<Spool> {
  await ensureFolder(dir, 0o700)
  const nameOf = (id: string) => `${sha256(id).slice(0, 40)}.observation`
  const pathOf = (id: string) => join(dir, nameOf(id))
  const toFile = ({ id, bytes }: EncodedObservation) => {
    const header = Buffer.from(`${sha256(bytes)}\n`)
    return { name: nameOf(id), content: Buffer.concat([header, bytes]) }
  }
  const failed = (error: unknown): never => {
    throw error instanceof FileError ? writeFailed(join(dir, error.file), error) : error
  }
  return {
    async load(each) {
      // Nothing else writes here: a temporary file was left by a killed process.
      await sweepTemporary(dir, 0)
      const corrupt: string[] = []
      for (const name of (await readdir(dir)).sort()) {
        if (!name.endsWith('.observation')) continue
        const path = join(dir, name)
        try {
          const bytes = payloadOf(await readFile(path))
          const observation = Observation.decode(bytes)
          if (pathOf(observation.id) !== path)
            throw new Error('the content does not match the file name')
          each(observation, bytes)
        } catch (error) {
          corrupt.push(`${path}: ${error instanceof Error ? error.message : String(error)}`)
        }
      }
      return corrupt
    },
    async read(id) {
      try {
        return payloadOf(await readFile(pathOf(id)))
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return undefined
        throw error
      }
    },
    async save(observations) {
      if (observations.length === 0) return
      await files.write(dir, observations.map(toFile), 0o600).catch(failed)
    },
    async remove(ids) {
      if (ids.length === 0) return
      await files.remove(dir, ids.map(nameOf)).catch(failed)
    }
  }
}
