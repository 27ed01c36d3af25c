import { createHash } from 'node:crypto'
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mustRun } from '../../cli/walk-through/run.js'

export type Suite = 'bookworm' | 'trixie'

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
const mirror = 'http://deb.debian.org/debian'

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false
  )

/** Options that give apt-get a state of its own: the machine's sources and packages play no part. */
function ownState(folder: string): string[] {
  return [
    'Dir::Etc::sourceparts=-',
    'Dir::State::status=/dev/null',
    'Debug::NoLocking=1',
    'APT::Sandbox::User=root',
    `Dir::Etc::sourcelist=${folder}/sources.list`,
    `Dir::State::lists=${folder}/lists`,
    `Dir::Cache=${folder}/cache`
  ].flatMap((option) => ['-o', option])
}

/** What maintainer scripts would have made and programs need to start. */
async function finish(tree: string): Promise<void> {
  for (const name of [
    'dev',
    'proc',
    'sys',
    'tmp',
    'run',
    'root',
    'data',
    'srv',
    'var/log',
    'etc'
  ]) {
    await mkdir(join(tree, name), { recursive: true })
  }
  await writeFile(
    join(tree, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/srv:/bin/false\nnobody:x:65534:65534::/:/bin/false\n'
  )
  await writeFile(join(tree, 'etc/group'), 'root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n')
}

/**
 * A root file system of one Debian release with these packages and all they depend on, unpacked and not
 * installed: no maintainer script runs. Kept in `cache` by release and packages; safe when interrupted.
 * @throws SeccoError when the mirror has no such release or package, or is not reached.
 */
export async function debianRootfs(
  cache: string,
  suite: Suite,
  packages: readonly string[]
): Promise<string> {
  const wanted = ['base-files', ...packages].sort()
  const key = createHash('sha256')
    .update(`${suite} ${wanted.join(' ')}`)
    .digest('hex')
  const rootfs = join(cache, `${suite}-${key.slice(0, 12)}`)
  if (await exists(rootfs)) return rootfs
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(cache, `${suite}-work-`))
  try {
    await mkdir(join(work, 'lists/partial'), { recursive: true })
    await mkdir(join(work, 'cache/archives/partial'), { recursive: true })
    await writeFile(
      join(work, 'sources.list'),
      `deb [signed-by=${keyring}] ${mirror} ${suite} main\n`
    )
    const apt = ownState(work)
    await mustRun('apt-get', ['-qq', ...apt, 'update'])
    const install = ['-qq', '-y', '--no-install-recommends', '--download-only', 'install']
    await mustRun('apt-get', [...apt, ...install, ...wanted])
    const tree = join(work, 'tree')
    await mkdir(tree)
    const archives = (await readdir(join(work, 'cache/archives'))).filter((f) => f.endsWith('.deb'))
    // base-files first: since Debian 13 it has the links /bin → usr/bin and its like.
    archives.sort(
      (a, b) => Number(b.startsWith('base-files_')) - Number(a.startsWith('base-files_'))
    )
    for (const name of archives) {
      await mustRun('dpkg-deb', ['-x', join(work, 'cache/archives', name), tree])
    }
    await finish(tree)
    await rename(tree, rootfs).catch(async (error: unknown) => {
      if (!(await exists(rootfs))) throw error
    })
    return rootfs
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
