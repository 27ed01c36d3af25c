import { createHash } from 'node:crypto'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { rootNamespace } from '../api/names.js'
import { SeccoError } from '../lib/errors.js'
import {
  asideSuffix,
  ensureFolder,
  errnoOf,
  sweepTemporary,
  writeDurable
} from '../lib/durable-file.js'
import { withFileLock } from '../lib/file-lock.js'
import { extension } from './directory-layout.js'
import {
  historyConflict,
  historyIn,
  historyObject,
  type HistoryStore,
  type StoredHistory
} from './history-store.js'

/** The folder of the histories, below the root namespace: `kubectl apply` takes them like the other documents. */
export const historyFolder = 'configmaps'

const nameForm = /^secco-history-[0-9a-f]{1,64}$/
const versionOf = (document: string): string =>
  createHash('sha256').update(document).digest('hex').slice(0, 32)

function storedIn(document: string): Pick<StoredHistory, 'text' | 'about'> {
  try {
    return historyIn(JSON.parse(document))
  } catch {
    return { text: '', about: '' }
  }
}

/** Returns the histories in a folder of objects: one file per workload, written whole. */
export function directoryHistory(root: string, lockTimeoutMs: number): HistoryStore {
  const folder = join(root, rootNamespace, historyFolder)
  const pathOf = (name: string): string => {
    if (nameForm.test(name)) return join(folder, name + extension)
    throw new SeccoError('INVALID_NAME', `history ${JSON.stringify(name)} is not a valid name`)
  }

  async function get(name: string) {
    try {
      const document = await readFile(pathOf(name), 'utf8')
      return { ...storedIn(document), version: versionOf(document) }
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw error
    }
  }

  return {
    get,
    async *list() {
      await sweepTemporary(folder, 600_000)
      const files = await readdir(folder).catch((): string[] => [])
      for (const file of files.sort()) {
        const name = file.slice(0, -extension.length)
        if (!file.endsWith(extension) || !nameForm.test(name)) continue
        const stored = await get(name)
        if (stored !== undefined) yield { name, ...stored }
      }
    },
    async put(name, about, text, version) {
      const path = pathOf(name)
      await ensureFolder(folder)
      return withFileLock(join(folder, `.lock-${name}`), lockTimeoutMs, async () => {
        const present = await get(name)
        if (present?.version !== version) throw historyConflict(name)
        const document = `${JSON.stringify(historyObject(name, about, text))}\n`
        await writeDurable(path, document)
        return versionOf(document)
      })
    },
    async setAside(name) {
      const path = pathOf(name)
      await writeDurable(path + asideSuffix, await readFile(path))
      return path + asideSuffix
    },
    async delete(name) {
      await rm(pathOf(name), { force: true })
      await rm(pathOf(name) + asideSuffix, { force: true })
    }
  }
}
