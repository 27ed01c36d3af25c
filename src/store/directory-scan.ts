import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { historyFolder } from './directory-history.js'
import {
  extension,
  isNamespace,
  isObjectName,
  kinds,
  lostExtension,
  pluralOf,
  statusExtension
} from './directory-layout.js'
import { rootNamespace } from '../api/names.js'
import { errnoOf } from '../lib/durable-file.js'
import type { Kind } from '../api/objects.js'
import type { ObjectRef, StoreProblem } from './store.js'

/** What the folder's names say, before any document is read. */
export interface Listing {
  files: { kind: Kind; ref: ObjectRef; path: string }[]
  /** Statuses without a document. */
  orphans: { kind: Kind; ref: ObjectRef; path: string }[]
  /** Temporary files and locks. */
  hidden: string[]
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
    const isHidden = ({ name }: Dirent) => name.startsWith('.')
    listing.hidden.push(...entries.filter(isHidden).map(({ name }) => join(folder, name)))
    return entries.filter((entry) => !isHidden(entry)).sort((a, b) => (a.name < b.name ? -1 : 1))
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

const lostHelp =
  'holds a status that could not be read, and another one has replaced it: restore ' +
  `NAME${statusExtension} from a backup, or remove this file`

async function listKind(
  folder: string,
  kind: Kind,
  namespace: string,
  listing: Listing
): Promise<void> {
  const entries = await entriesOf(folder, listing)
  const names = new Set(entries.map(({ name }) => name))
  for (const entry of entries) {
    const path = join(folder, entry.name)
    const form = [extension, statusExtension].find((end) => entry.name.endsWith(end))
    const name = entry.name.slice(0, -(form?.length ?? 0))
    if (entry.name.endsWith(lostExtension)) {
      listing.problems.push({ where: path, message: lostHelp })
    } else if (!entry.isFile() || form === undefined) {
      report(listing, path, entry, `is ignored: documents here are files named NAME${extension}`)
    } else if (!isObjectName(name)) {
      report(listing, path, entry, `is ignored: ${JSON.stringify(name)} is not a valid name`)
    } else if (form === extension) {
      listing.files.push({ kind, ref: { namespace, name }, path })
    } else if (!names.has(name + extension)) {
      listing.orphans.push({ kind, ref: { namespace, name }, path })
    }
  }
}

/** Lists the folder, following no links. Never throws. */
export async function listFolder(root: string): Promise<Listing> {
  const empty = { files: [], orphans: [], hidden: [], folders: [], problems: [], unlisted: [] }
  const listing: Listing = empty
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
