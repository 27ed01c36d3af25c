import { readdir, readFile, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf } from '../../../src/lib/digest.js'
import { ensureFolder, sweepTemporary, writeDurable } from '../../../src/lib/durable-file.js'

/** Bytes of revisions, named by their digest, so that the previous one outlives a restart. */
export interface RevisionFiles {
  /** The bytes, verified; undefined when there are none or they are not what the name says. */
  read(digest: string): Promise<Buffer | undefined>
  /** Whether the bytes are there; they are verified once. */
  has(digest: string): Promise<boolean>
  /** Durable when it resolves; writing it again does nothing. WRITE_FAILED. */
  keep(digest: string, json: string): Promise<void>
  /** Removes what nobody refers to and is older than `ageMs`. */
  sweep(referred: ReadonlySet<string>, ageMs: number): Promise<void>
}

export async function openRevisionFiles(dir: string): Promise<RevisionFiles> {
  await ensureFolder(dir)
  const kept = new Set<string>()
  const pathOf = (digest: string) => join(dir, `${digest.slice('sha256:'.length)}.json`)

  async function read(digest: string): Promise<Buffer | undefined> {
    if (!/^sha256:[0-9a-f]{64}$/.test(digest)) return undefined
    const bytes = await readFile(pathOf(digest)).catch(() => undefined)
    return bytes !== undefined && digestOf(bytes) === digest ? bytes : undefined
  }

  async function has(digest: string): Promise<boolean> {
    if (!kept.has(digest) && (await read(digest)) !== undefined) kept.add(digest)
    return kept.has(digest)
  }

  return {
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
