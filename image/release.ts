import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { SeccoError } from '../src/lib/errors.js'
import { version } from '../src/lib/version.js'
import type { NodeRuntime } from './node-runtime.js'
import { usualLevel } from './oci-archive.js'
import { provenance, sha256Of } from './provenance.js'
import { releaseTree } from './release-tree.js'
import { architectures } from './secco-image.js'
import { type TarEntry, tar } from './tar.js'
import { writeImage } from './write-image.js'

const run = promisify(execFile)

/** Writes entries as files, with their modes. */
async function unpack(entries: readonly TarEntry[], folder: string): Promise<void> {
  for (const entry of entries) {
    const path = join(folder, entry.path)
    await mkdir(entry.kind === 'folder' ? path : dirname(path), { recursive: true, mode: 0o755 })
    if (entry.kind === 'file') {
      await writeFile(path, entry.content)
      // The mode of open(2) is narrowed by the umask.
      await chmod(path, entry.mode)
    }
    if (entry.kind === 'link') await symlink(entry.target, path)
  }
}

const control = (architecture: string, kilobytes: number): string => `Package: secco
Version: ${version}
Architecture: ${architecture}
Maintainer: The Secco authors
Installed-Size: ${String(kilobytes)}
Depends: libc6 (>= 2.34), libstdc++6
Section: admin
Priority: optional
Description: seccomp profiles for containers
 Records the syscalls of each container in the kernel, renders profiles that
 people review, delivers them, and shows what is really enforced.
`

/**
 * Restarts what runs after its files were replaced, and stops it before they go; purge removes what Secco wrote.
 * systemctl may be missing in a container.
 */
const scripts = {
  postinst: `#!/bin/sh
set -e
if [ "$1" = configure ] && [ -n "$2" ] && [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	systemctl try-restart secco.service || true
fi
`,
  prerm: `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
	systemctl disable --now secco.service || true
fi
`,
  postrm: `#!/bin/sh
set -e
[ ! -d /run/systemd/system ] || systemctl daemon-reload || true
if [ "$1" = purge ]; then
	rm -rf /var/lib/secco /var/cache/secco /sys/fs/bpf/secco
fi
`
}

/**
 * Makes a Debian package with dpkg-deb, the same bytes each time.
 * @throws SeccoError UNAVAILABLE without dpkg-deb
 */
async function debianPackage(
  tree: readonly TarEntry[],
  architecture: string,
  level: number
): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'secco-deb-'))
  try {
    const [root, out] = [join(folder, 'root'), join(folder, 'secco.deb')]
    await unpack(
      tree.map((entry) => ({ ...entry, path: `usr/${entry.path}` })),
      root
    )
    const size = tree.reduce((sum, one) => sum + (one.kind === 'file' ? one.content.length : 0), 0)
    await mkdir(join(root, 'DEBIAN'), { mode: 0o755 })
    await writeFile(join(root, 'DEBIAN/control'), control(architecture, Math.ceil(size / 1024)))
    for (const [name, text] of Object.entries(scripts)) {
      await writeFile(join(root, 'DEBIAN', name), text, { mode: 0o755 })
    }
    await run('env', [
      'SOURCE_DATE_EPOCH=0',
      'dpkg-deb',
      '--build',
      '--root-owner-group',
      '-Zgzip',
      `-z${String(level)}`,
      root,
      out
    ])
    return await readFile(out)
  } catch (error) {
    // env(1): the program was not found.
    if ((error as { code?: unknown }).code !== 127) throw error
    throw new SeccoError('UNAVAILABLE', 'dpkg-deb is missing', { hint: 'install the package dpkg' })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs the checkout's own command. */
async function secco(root: string, ...args: string[]): Promise<string> {
  const words = [join(root, 'bin/secco'), ...args]
  return (await run(process.execPath, words, { maxBuffer: 1 << 26 })).stdout
}

export interface ReleaseOptions {
  /** The checkout, with a built native/build. */
  root: string
  /** The folder to write into; made if it is missing. */
  folder: string
  /** Name of the image with registry and tag, which the manifests use. */
  image: string
  runtime: NodeRuntime
  /** Of gzip, 1 to 9. */
  level?: number
}

type ArchiveOptions = Pick<ReleaseOptions, 'root' | 'runtime' | 'level'>

/** Returns the files of a release below a prefix, and the archive that has them in one folder, `NAME.tar.gz`. */
export async function releaseArchive({ root, runtime, level = usualLevel }: ArchiveOptions) {
  const architecture = architectures[runtime.arch] ?? runtime.arch
  const name = `secco-${version}-linux-${architecture}`
  const [bash = '', zsh = '', fish = ''] = await Promise.all(
    ['bash', 'zsh', 'fish'].map((shell) => secco(root, 'completion', shell))
  )
  const tree = await releaseTree(root, runtime.node, { bash, zsh, fish })
  const archive = await tar(tree.map((entry) => ({ ...entry, path: `${name}/${entry.path}` })))
  return { name, architecture, tree, archive: gzipSync(archive, { level }) }
}

/**
 * Writes a release: an archive of the command, a Debian package, the image, the manifests, the bill of materials, the
 * provenance, and SHA256SUMS over all of it. Equal sources on an equal machine give equal bytes.
 * @returns the paths of the files
 * @throws SeccoError UNAVAILABLE when the native part is not built
 */
export async function writeRelease(options: ReleaseOptions): Promise<string[]> {
  const { root, folder, image, runtime, level = usualLevel } = options
  const { name, architecture, tree, archive } = await releaseArchive(options)
  await mkdir(folder, { recursive: true })
  const written: [string, string | Uint8Array][] = [
    [`${name}.tar.gz`, archive],
    [`secco_${version}_${architecture}.deb`, await debianPackage(tree, architecture, level)],
    ['install.yaml', await secco(root, 'install', '--image', image)]
  ]
  const imageFile = `secco-${version}-image-${architecture}.tar`
  const { bill } = await writeImage({
    ...{ root, out: join(folder, imageFile), name: image, level },
    ...runtime
  })
  written.push([`${imageFile}.cdx.json`, bill])
  for (const [file, content] of written) await writeFile(join(folder, file), content)
  const files = [...written.map(([file]) => file), imageFile].sort()
  const subjects = await Promise.all(
    files.map(async (file) => ({
      name: file,
      sha256: sha256Of(await readFile(join(folder, file)))
    }))
  )
  const statement = `${JSON.stringify(await provenance(root, subjects), null, 2)}\n`
  await writeFile(join(folder, 'provenance.json'), statement)
  const sums = [...subjects, { name: 'provenance.json', sha256: sha256Of(Buffer.from(statement)) }]
  await writeFile(
    join(folder, 'SHA256SUMS'),
    sums.map((one) => `${one.sha256}  ${basename(one.name)}\n`).join('')
  )
  return [...files, 'provenance.json', 'SHA256SUMS'].map((file) => join(folder, file))
}
