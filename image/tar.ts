import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'

/** One entry of an archive. Paths are relative and without a trailing `/`. Owner is always root, time always 0. */
export type TarEntry =
  | { kind: 'file'; path: string; mode: number; content: Uint8Array }
  | { kind: 'folder'; path: string; mode: number }
  | { kind: 'link'; path: string; target: string }

/** Adds every parent folder, so that the unpacker does not choose their owner and mode. */
function withParents(entries: readonly TarEntry[]): TarEntry[] {
  const byPath = new Map<string, TarEntry>()
  for (const entry of entries) {
    const parts = entry.path.split('/')
    for (let count = 1; count < parts.length; count++) {
      const path = parts.slice(0, count).join('/')
      if (!byPath.has(path)) byPath.set(path, { kind: 'folder', path, mode: 0o755 })
    }
    byPath.set(entry.path, entry)
  }
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** Makes an archive: entries sorted by path, with parent folders, uid and gid 0, mtime 0. Equal entries give equal bytes. */
export async function tar(entries: readonly TarEntry[]): Promise<Buffer> {
  const archive = pack()
  const mtime = new Date(0)
  for (const entry of withParents(entries)) {
    const { path: name } = entry
    if (entry.kind === 'file') {
      archive.entry({ name, mtime, mode: entry.mode }, Buffer.from(entry.content))
    } else if (entry.kind === 'folder') {
      archive.entry({ name: `${name}/`, mtime, mode: entry.mode, type: 'directory' })
    } else {
      archive.entry({ name, mtime, mode: 0o777, type: 'symlink', linkname: entry.target })
    }
  }
  archive.finalize()
  return await buffer(archive)
}
