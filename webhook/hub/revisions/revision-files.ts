import { readdir, readFile, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf } from '../../../src/lib/digest.js'
import type { Logger } from '../../../src/lib/log.js'
import { KeptRenderings } from './kept-renderings.js'
import { ensureFolder, sweepTemporary, writeDurable } from '../../../src/lib/durable-file.js'

/** RevisionFiles holds the bytes of revisions in files named by digest, so that the previous revision outlives a restart. */
export interface RevisionFiles {
  /** Which of them profiles were rendered to. Undefined: the build has no name. */
  renderings: KeptRenderings | undefined
  /** Returns the verified bytes; undefined when there are none or their digest is not the name. */
  read(digest: string): Promise<Buffer | undefined>
  /** Returns whether the bytes exist; they are verified once. */
  has(digest: string): Promise<boolean>
  /** Writes the bytes durably; a second write does nothing. @throws SeccoError WRITE_FAILED */
  keep(digest: string, json: string): Promise<void>
  /** Removes files that nothing refers to and that are older than `ageMs`. */
  sweep(referred: ReadonlySet<string>, ageMs: number): Promise<void>
}

export async function openRevisionFiles(
  dir: string,
  of?: { build: string; logger: Logger }
): Promise<RevisionFiles> {
  await ensureFolder(dir)
  const isNamed = of !== undefined && of.build !== ''
  const renderings = isNamed
    ? await KeptRenderings.open(join(dir, 'renderings.json'), of)
    : undefined
  const kept = new Set<string>()
  const pathOf = (digest: string) => join(dir, `${digest.slice('sha256:'.length)}.json`)

  async function read(digest: string): Promise<Buffer | undefined> {
    if (!/^sha256:[0-9a-f]{64}$/.test(digest)) return undefined
    const bytes = await readFile(pathOf(digest)).catch(() => undefined)
    if (bytes === undefined || digestOf(bytes) !== digest) return undefined
    kept.add(digest)
    return bytes
  }

  async function has(digest: string): Promise<boolean> {
    if (!kept.has(digest)) await read(digest)
    return kept.has(digest)
  }

  return {
    renderings,
    read,
    has,
    async keep(digest, json) {
      if (await has(digest)) return
      await writeDurable(pathOf(digest), json)
      kept.add(digest)
    },
    async sweep(referred, ageMs) {
      await sweepTemporary(dir, 600_000)
      for (const name of await readdir(dir)) {
        const hex = /^([0-9a-f]{64})\.json$/.exec(name)?.[1]
        if (hex === undefined || referred.has(`sha256:${hex}`)) continue
        const path = join(dir, name)
        const info = await stat(path).catch(() => undefined)
        if (info !== undefined && Date.now() - info.mtimeMs > ageMs) {
          await unlink(path).catch(() => undefined)
          kept.delete(`sha256:${hex}`)
        }
      }
    }
  }
}
