import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile
} from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { repositoryRoot } from '../helpers/repository.js'

const run = promisify(execFile)
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
const standardMirror = 'http://deb.debian.org/debian/'
const maxBuffer = 1 << 26

/** What the guest needs before it can read this machine's files. */
const wantedModules = ['virtio_pci', '9pnet_virtio', '9p', 'overlay', 'virtio_console'] as const
const applets = [
  'sh',
  'mount',
  'insmod',
  'mkdir',
  'rmdir',
  'chroot',
  'sed',
  'cut',
  'sync',
  'sleep',
  'ip'
]

/** A kernel of Debian's: `series` as people say it, `suite` where its package lives. */
export interface KernelSource {
  series: string
  suite: string
}

export const kernelSources: readonly KernelSource[] = [
  { series: '6.1', suite: 'bookworm' },
  { series: '6.12', suite: 'trixie' }
]

export interface KernelImage extends KernelSource {
  /** What `uname -r` says in the guest. */
  release: string
  vmlinuz: string
  initrd: string
}

/** The kernel cannot be had here: a reason to skip, not a failure. */
export class KernelMissing extends Error {
  override readonly name = 'KernelMissing'
}

const cache = (): string =>
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'secco', 'kernels')

/** apt with lists, sources and caches of its own: the machine's are not touched. */
async function aptOptions(folder: string, suite: string): Promise<string[]> {
  if (!existsSync(keyring)) throw new KernelMissing(`${keyring} is missing: this is not Debian`)
  const targets = await run('apt-get', ['indextargets', '--format', '$(REPO_URI)']).catch(
    () => undefined
  )
  const mirror = targets?.stdout.split('\n').find((line) => /\/debian\/?$/.test(line))
  for (const part of ['lists/partial', 'archives/partial']) {
    await mkdir(join(folder, part), { recursive: true })
  }
  const sources = join(folder, `${suite}.list`)
  await writeFile(sources, `deb [signed-by=${keyring}] ${mirror ?? standardMirror} ${suite} main\n`)
  const settings = {
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::Cache': folder,
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': '/dev/null',
    'APT::Get::List-Cleanup': 'false',
    'APT::Sandbox::User': '',
    'Acquire::Languages': 'none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false'
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
}

/** Downloads the suite's newest kernel package of the series into `folder`. */
async function download({ series, suite }: KernelSource, folder: string): Promise<string> {
  const options = await aptOptions(join(cache(), 'apt'), suite)
  const reason = (error: unknown): string =>
    ((error as { stderr?: string }).stderr ?? String(error)).trim().split('\n')[0] ?? ''
  try {
    await run('apt-get', ['-q', ...options, 'update'])
  } catch (error) {
    throw new KernelMissing(`apt-get update for ${suite}: ${reason(error)}`)
  }
  const { stdout } = await run('apt-cache', [...options, 'depends', 'linux-image-amd64']).catch(
    () => ({ stdout: '' })
  )
  const name = /Depends: (linux-image-\d\S+-amd64)/.exec(stdout)?.[1]
  if (name?.startsWith(`linux-image-${series}.`) !== true) {
    throw new KernelMissing(
      `the mirror's ${suite} has ${name ?? 'no linux-image-amd64'}, not Linux ${series}`
    )
  }
  try {
    await run('apt-get', ['-q', ...options, 'download', name], { cwd: folder })
  } catch (error) {
    throw new KernelMissing(`apt-get download ${name}: ${reason(error)}`)
  }
  const file = (await readdir(folder)).find((one) => one.endsWith('.deb'))
  if (file === undefined) throw new KernelMissing(`apt-get download ${name} left no file`)
  return join(folder, file)
}

/** Module files, each after those it needs (`insmod FILE` lines of modprobe). */
async function modulesInOrder(tree: string, release: string): Promise<string[]> {
  await run('depmod', ['-b', tree, release], { maxBuffer })
  const files: string[] = []
  for (const name of wantedModules) {
    // A module that this kernel has built in is said so, and is no file.
    const { stdout } = await run('modprobe', ['-S', release, '-d', tree, '--show-depends', name])
    for (const line of stdout.split('\n')) {
      const file = /^insmod (\S+)/.exec(line)?.[1]
      if (file !== undefined && !files.includes(file)) files.push(file)
    }
  }
  return files
}

async function packInitrd(
  tree: string,
  release: string,
  init: string,
  into: string
): Promise<void> {
  const root = join(tree, 'initrd')
  await mkdir(join(root, 'bin'), { recursive: true })
  await mkdir(join(root, 'modules'))
  await copyFile((await run('which', ['busybox'])).stdout.trim(), join(root, 'bin', 'busybox'))
  for (const applet of applets) await symlink('busybox', join(root, 'bin', applet))
  await writeFile(join(root, 'init'), init)
  await chmod(join(root, 'init'), 0o755)
  const order: string[] = []
  for (const file of await modulesInOrder(tree, release)) {
    const copy = join(root, 'modules', basename(file))
    await copyFile(file, copy)
    if (copy.endsWith('.xz')) await run('xz', ['-d', copy])
    order.push(basename(copy).replace(/\.xz$/, ''))
  }
  await writeFile(join(root, 'modules', 'order'), `${order.join('\n')}\n`)
  await run('sh', ['-c', `cd ${root} && find . | cpio --quiet -o -H newc | gzip -1 > ${into}`])
}

/**
 * Kernel and initial file system of one of Debian's kernels, from the cache or made now.
 * @throws KernelMissing where it cannot be downloaded
 */
export async function kernelImage(source: KernelSource): Promise<KernelImage> {
  const init = await readFile(join(repositoryRoot, 'test/kernels/init.sh'), 'utf8')
  const key = createHash('sha256')
    .update(JSON.stringify([init, wantedModules, applets]))
    .digest('hex')
    .slice(0, 16)
  const folder = join(cache(), `${source.series}-${key}`)
  if (!existsSync(folder)) {
    await mkdir(cache(), { recursive: true })
    const work = await mkdtemp(join(cache(), 'work-'))
    try {
      const tree = join(work, 'tree')
      const made = join(work, 'made')
      await mkdir(made)
      await run('dpkg-deb', ['-x', await download(source, work), tree])
      if (!existsSync(join(tree, 'lib'))) await symlink('usr/lib', join(tree, 'lib'))
      const [release] = await readdir(join(tree, 'lib/modules'))
      if (release === undefined) throw new KernelMissing('the package has no modules')
      await packInitrd(tree, release, init, join(made, 'initrd'))
      await copyFile(join(tree, 'boot', `vmlinuz-${release}`), join(made, 'vmlinuz'))
      await writeFile(join(made, 'release'), release)
      // Another run may have been quicker.
      await rename(made, folder).catch(() => undefined)
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  }
  return {
    ...source,
    release: await readFile(join(folder, 'release'), 'utf8'),
    vmlinuz: join(folder, 'vmlinuz'),
    initrd: join(folder, 'initrd')
  }
}
