import { createHash } from 'node:crypto'
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SeccoError } from '../../src/lib/errors.js'
import { type Finished, mustRun, run } from './run.js'

function unavailable(what: string, output: string): SeccoError {
  const last = output.trim().split('\n').at(-1) ?? ''
  return new SeccoError('UNAVAILABLE', `Debian packages could not be ${what}: ${last}`, {
    hint: 'check that apt-get reaches a package mirror, then run it again'
  })
}

/** Runs a program of apt, and again with new lists of packages if it fails: a fresh machine may have none. */
async function withLists(attempt: () => Promise<Finished>): Promise<Finished> {
  const first = await attempt()
  if (first.code === 0) return first
  await run('apt-get', ['update', '-q'])
  return attempt()
}

/** Lists the packages of a small root file system: the named ones and their libraries. @throws SeccoError UNAVAILABLE */
async function packageClosure(packages: readonly string[]): Promise<string[]> {
  const only = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map(
    (kind) => `--no-${kind}`
  )
  const list = () => run('apt-cache', ['depends', '--recurse', ...only, ...packages])
  const found = await withLists(list)
  if (found.code !== 0) throw unavailable('listed', found.stderr)
  const listed = found.stdout
  const names = listed.split('\n').filter((line) => /^[a-z0-9]/.test(line))
  const libraries = names.filter((name) => /^(lib[a-z0-9.+-]*|zlib1g|gcc-\d+-base)$/.test(name))
  // Only maintainer scripts need interpreters and installers, and they are never run here.
  const wanted = libraries.filter(
    (name) => !/perl|debian-installer|newt|textwrap|pam|semanage/.test(name)
  )
  return [...new Set([...packages, ...wanted])].sort()
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false
  )
}

/**
 * Builds a root file system by unpacking Debian packages (no maintainer script runs, nothing is installed
 * on the host). Cached in `cache` by the list of packages; safe when interrupted or run twice at once.
 */
export async function buildRootfs(
  cache: string,
  packages: readonly string[],
  print: (line: string) => void
): Promise<string> {
  const key = createHash('sha256')
    .update([...packages].sort().join(' '))
    .digest('hex')
    .slice(0, 12)
  const rootfs = join(cache, `rootfs-${key}`)
  if (await exists(rootfs)) return rootfs
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(cache, 'rootfs-work-'))
  try {
    const closure = await packageClosure(packages)
    print(
      `fetching ${closure.length} Debian packages for ${packages.join(', ')} (once; kept in ${cache})`
    )
    const debs = join(work, 'debs')
    const tree = join(work, 'tree')
    await mkdir(debs)
    await mkdir(tree)
    const fetched = await withLists(() =>
      run('apt-get', ['download', '-q', ...closure], { cwd: debs })
    )
    if (fetched.code !== 0) throw unavailable('fetched', fetched.stderr)
    for (const deb of await readdir(debs)) await mustRun('dpkg-deb', ['-x', join(debs, deb), tree])
    await finishTree(tree)
    await rename(tree, rootfs).catch(async (error: unknown) => {
      // Another process finished the same tree first.
      if (!(await exists(rootfs))) throw error
    })
    return rootfs
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Creates what maintainer scripts would have created and a server needs to start. */
async function finishTree(tree: string): Promise<void> {
  for (const folder of ['dev', 'proc', 'sys', 'tmp', 'run', 'etc', 'root', 'var/log', 'var/lib']) {
    await mkdir(join(tree, folder), { recursive: true })
  }
  await writeFile(
    join(tree, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/false\nnobody:x:65534:65534::/:/bin/false\n'
  )
  await writeFile(join(tree, 'etc/group'), 'root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n')
}
