import { execFile } from 'node:child_process'
import { constants, existsSync, readlinkSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { hostManagerPaths } from './host-managers.js'
import { isOnlyRoots } from './only-roots.js'

const run = promisify(execFile)

/** A program of this node, and the file system in which it is started. */
export interface HostProgram {
  /** `/proc/PID/root` of the process that starts it. */
  root: string
  /** Its path for that process. */
  path: string
}

const usualFolders = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** The container managers share this file system. Unlike their process ids, 1 is never reused. */
const nodeRoot = '/proc/1/root'
const libraryFolders = ['/lib', '/usr/lib', '/usr/local/lib', '/lib64', '/usr/lib64'].flatMap(
  (folder) =>
    folder.endsWith('64')
      ? [folder]
      : [`${folder}/x86_64-linux-gnu`, `${folder}/aarch64-linux-gnu`, folder]
)
/** The limit of path_resolution(7). */
const mostLinks = 40

const partsOf = (path: string): string[] =>
  path.split('/').filter((part) => part !== '' && part !== '.')

/**
 * Resolves a path for a process with another root: absolute links start at that root, not at ours. Undefined if
 * nothing is there.
 */
export function pathWithin(root: string, path: string): string | undefined {
  let at = ''
  let links = 0
  const rest = partsOf(path)
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    if (part === '..') {
      at = at === '' ? '' : dirname(at).replace(/^\/$/, '')
      continue
    }
    const next = `${at}/${part}`
    const link = linkAt(join(root, next))
    if (link === undefined) at = next
    else {
      if (++links > mostLinks) return undefined
      if (link.startsWith('/')) at = ''
      rest.unshift(...partsOf(link))
    }
  }
  const found = join(root, at)
  return existsSync(found) ? found : undefined
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    // Not a link, or nothing there: the caller checks that at the end.
    return undefined
  }
}

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants
/** Program headers and paths are shorter. */
const mostBytes = 64 * 1024

/** Returns the dynamic loader of an ELF64 file (elf(5)); empty for a static program, or another kind of file. */
async function loaderOf(file: string): Promise<string> {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const handle = await open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  try {
    if (!(await handle.stat()).isFile()) return ''
    const read = async (at: number, length: number): Promise<Buffer> =>
      (await handle.read(Buffer.alloc(Math.min(length, mostBytes)), 0, null, at)).buffer
    const header = await read(0, 64)
    const [at, size, count] = [
      Number(header.readBigUInt64LE(32)),
      header.readUInt16LE(54),
      header.readUInt16LE(56)
    ]
    const table = await read(at, size * count)
    for (let entry = 0; entry < table.length; entry += size) {
      const interpreter = 3
      if (table.readUInt32LE(entry) !== interpreter) continue
      const where = Number(table.readBigUInt64LE(entry + 8))
      const text = await read(where, Number(table.readBigUInt64LE(entry + 32)))
      return text.toString('utf8').replaceAll('\0', '')
    }
    return ''
  } finally {
    await handle.close()
  }
}

/** Returns each `runc` that the node's container managers find in their PATH; needs the node's process ids. */
export async function hostRuncs(): Promise<HostProgram[]> {
  const found = new Map<string, HostProgram>()
  const add = (folders: string): void => {
    for (const folder of folders.split(':').filter((one) => one.startsWith('/'))) {
      const path = `${folder}/runc`
      if (pathWithin(nodeRoot, path) === undefined) continue
      found.set(path, { root: nodeRoot, path })
      return
    }
  }
  for (const path of await hostManagerPaths()) add(path ?? usualFolders)
  if (found.size === 0) add(usualFolders)
  return [...found.values()]
}

/**
 * Runs a program of the node with `--version`, with the node's own loader and libraries. Empty if it cannot be run, or
 * would be linked with a library of this container, whose version it would report. This process is root, so it runs
 * only programs that only root can have written.
 */
export async function hostVersionText({ root, path }: HostProgram): Promise<string> {
  const options = { timeout: 5000, env: {} }
  try {
    const program = pathWithin(root, path)
    if (program === undefined || !isOnlyRoots(root, program)) return ''
    const asked = await loaderOf(program)
    if (asked === '') return (await run(program, ['--version'], options)).stdout
    const loader = pathWithin(root, asked)
    if (loader === undefined || !isOnlyRoots(root, loader)) return ''
    const folders = libraryFolders
      .flatMap((folder) => pathWithin(root, folder) ?? [])
      .filter((folder) => isOnlyRoots(root, folder))
    const args = ['--library-path', [...new Set(folders)].join(':')]
    const { stdout: linked } = await run(loader, [...args, '--list', program], options)
    const libraries = [...linked.matchAll(/=> (\/\S+)/g)].map(([, library = '']) => library)
    if (libraries.some((library) => !library.startsWith(`${root}/`))) return ''
    return (await run(loader, [...args, program, '--version'], options)).stdout
  } catch {
    return ''
  }
}
