/** One entry of an archive. Paths are relative and without a trailing `/`. Owner is always root, time always 0. */
export type TarEntry =
  | { kind: 'file'; path: string; mode: number; content: Uint8Array }
  | { kind: 'folder'; path: string; mode: number }
  | { kind: 'link'; path: string; target: string }

const block = 512
/** Field sizes of ustar (POSIX.1-1988, pax(1) "ustar Interchange Format"). */
const nameBytes = 100
const prefixBytes = 155

/** Splits a path into the name and prefix fields. Throws if it does not fit. */
function splitPath(path: string): { name: string; prefix: string } {
  if (Buffer.byteLength(path) <= nameBytes) return { name: path, prefix: '' }
  for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)]
    if (Buffer.byteLength(name) > nameBytes) continue
    if (Buffer.byteLength(prefix) > prefixBytes) break
    return { name, prefix }
  }
  throw new Error(`${path}: too long for a tar header`)
}

function header(entry: TarEntry): Buffer {
  const bytes = Buffer.alloc(block)
  const octal = (value: number, at: number, width: number): void => {
    bytes.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1')
  }
  const { name, prefix } = splitPath(entry.kind === 'folder' ? `${entry.path}/` : entry.path)
  bytes.write(name, 0)
  octal(entry.kind === 'link' ? 0o777 : entry.mode, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(entry.kind === 'file' ? entry.content.length : 0, 124, 12)
  octal(0, 136, 12)
  bytes.write(entry.kind === 'file' ? '0' : entry.kind === 'link' ? '2' : '5', 156, 'latin1')
  if (entry.kind === 'link') {
    if (Buffer.byteLength(entry.target) > nameBytes) {
      throw new Error(`${entry.path}: its target is too long for a tar header`)
    }
    bytes.write(entry.target, 157)
  }
  bytes.write('ustar\u000000', 257, 'latin1')
  bytes.write(prefix, 345)
  bytes.fill(' ', 148, 156)
  const sum = bytes.reduce((all, one) => all + one, 0)
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return bytes
}

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

/**
 * Makes a ustar archive: entries sorted by path, with parent folders, uid and gid 0, mtime 0. Equal entries give equal
 * bytes.
 */
export function tar(entries: readonly TarEntry[]): Buffer {
  const parts: Uint8Array[] = []
  for (const entry of withParents(entries)) {
    parts.push(header(entry))
    if (entry.kind !== 'file') continue
    parts.push(entry.content)
    const rest = entry.content.length % block
    if (rest !== 0) parts.push(Buffer.alloc(block - rest))
  }
  parts.push(Buffer.alloc(2 * block))
  return Buffer.concat(parts)
}
