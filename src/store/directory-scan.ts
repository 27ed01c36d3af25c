import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { historyFolder } from './directory-history.js'
import { extension, isNamespace, isObjectName, kinds, pluralOf } from './directory-layout.js'
import { rootNamespace } from '../api/names.js'
import { errnoOf } from '../lib/durable-file.js'
import type { Kind } from '../api/objects.js'
import type { ObjectRef, StoreProblem } from './store.js'

/** What the folder's names say, before any document is read. */
interface Listing {
  files: { kind: Kind; ref: ObjectRef; path: string }[]
  /** Folders to watch, the root among them. */
  folders: string[]
  /** Names that cannot be what they are meant to be. */
  problems: StoreProblem[]
  /** Folders that could not be listed: what was known below them stays. */
  unlisted: string[]
}

async function entriesOf(folder: string, listing: Listing): Promise<Dirent[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    listing.folders.push(folder)
    return entries
      .filter((entry) => !entry.name.startsWith('.'))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch (error) {
    const errno = errnoOf(error)
    // A folder that was removed between two calls is simply gone.
    if (errno === 'ENOENT' && listing.folders.length > 0) return []
    listing.unlisted.push(folder)
    listing.problems.push({ where: folder, message: `cannot be listed (${errno ?? 'unknown'})` })
    return []
  }
}

function report(listing: Listing, path: string, entry: Dirent, message: string): void {
  const what = entry.isSymbolicLink() ? 'is a symbolic link: not followed' : message
  listing.problems.push({ where: path, message: what })
}

async function listKind(
  folder: string,
  kind: Kind,
  namespace: string,
  listing: Listing
): Promise<void> {
  for (const entry of await entriesOf(folder, listing)) {
    const path = join(folder, entry.name)
    const name = entry.name.slice(0, -extension.length)
    if (!entry.isFile() || !entry.name.endsWith(extension)) {
      report(listing, path, entry, `is ignored: documents here are files named NAME${extension}`)
    } else if (!isObjectName(name)) {
      report(listing, path, entry, `is ignored: ${JSON.stringify(name)} is not a valid name`)
    } else {
      listing.files.push({ kind, ref: { namespace, name }, path })
    }
  }
}

/** Lists the folder, following no links. Never throws. */
export async function listFolder(root: string): Promise<Listing> {
  const listing: Listing = { files: [], folders: [], problems: [], unlisted: [] }
  for (const entry of await entriesOf(root, listing)) {
    const path = join(root, entry.name)
    if (!entry.isDirectory()) {
      // Other files may lie beside the namespaces; a document there is surely a mistake.
      if (entry.isSymbolicLink() || entry.name.endsWith(extension)) {
        report(listing, path, entry, `is ignored: move it to NAMESPACE/PLURAL/NAME${extension}`)
      }
      continue
    }
    if (!isNamespace(entry.name)) {
      report(listing, path, entry, 'is ignored: it is not a valid name of a namespace')
      continue
    }
    for (const inner of await entriesOf(path, listing)) {
      if (entry.name === rootNamespace && inner.name === historyFolder) continue
      const kind = kinds.find((known) => pluralOf[known] === inner.name)
      const innerPath = join(path, inner.name)
      if (kind !== undefined && inner.isDirectory()) {
        await listKind(innerPath, kind, entry.name, listing)
      } else {
        const accepted = Object.values(pluralOf).join(', ')
        report(listing, innerPath, inner, `is ignored: accepted folders are ${accepted}`)
      }
    }
  }
  return listing
}
