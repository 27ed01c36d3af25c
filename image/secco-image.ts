import { SeccoError } from '../src/lib/errors.js'
import { version } from '../src/lib/version.js'
import type { Component } from './bill-of-materials.js'
import type { ImageContents } from './oci-archive.js'
import {
  billName,
  builtPrograms,
  documents,
  file,
  libraryParts,
  nodePart,
  type Part,
  programPart
} from './parts.js'
import { sharedLibraries } from './shared-libraries.js'
import type { TarEntry } from './tar.js'

/** Folder of the program in the image. */
const home = 'opt/secco'
/** Debian's `nobody`: the webhook needs no rights. The DaemonSet sets root itself. */
const user = '65534:65534'
const documentFolder = 'usr/share/doc/secco'
/** Bill of materials (CycloneDX) in the image. */
export const billPath = `${documentFolder}/${billName}`

const starter = `#!/usr/bin/node
require('../lib/secco.cjs').start()
`

async function runtimeLayer(
  root: string,
  node: string,
  programs: readonly string[]
): Promise<Part> {
  const libraries = await libraryParts(await sharedLibraries([node, ...programs]), (path) =>
    path.slice(1)
  )
  const program = await nodePart(root, node, 'usr/bin/node')
  const entries: TarEntry[] = [
    ...libraries.entries,
    ...program.entries,
    file(
      'etc/passwd',
      0o644,
      'root:x:0:0:root:/root:/bin/false\nnobody:x:65534:65534::/:/bin/false\n'
    ),
    file('etc/group', 0o644, 'root:x:0:\nnogroup:x:65534:\n'),
    { kind: 'folder', path: 'proc', mode: 0o555 },
    { kind: 'folder', path: 'sys', mode: 0o555 },
    { kind: 'folder', path: 'dev', mode: 0o755 },
    { kind: 'folder', path: 'run', mode: 0o755 },
    { kind: 'folder', path: 'tmp', mode: 0o1777 },
    { kind: 'folder', path: 'var/lib/secco', mode: 0o1777 }
  ]
  return { entries, components: [...program.components, ...libraries.components] }
}

async function programLayer(root: string, ofRuntime: readonly Component[]): Promise<TarEntry[]> {
  const { entries, components } = await programPart(root, home)
  return [
    ...entries,
    file(`${home}/bin/secco`, 0o755, starter),
    { kind: 'link', path: 'usr/bin/secco', target: `/${home}/bin/secco` },
    ...(await documents(root, documentFolder, [...ofRuntime, ...components]))
  ]
}

/** Go's names of architectures, by process.arch. */
export const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

export interface SeccoImageOptions {
  /** The checkout, with a built native/build. */
  root: string
  /** Name with registry and tag. */
  name: string
  /** The node binary to include; nodeRuntime() has the pinned one. */
  node: string
  /** process.arch of that binary. */
  arch: string
}

/**
 * Returns the contents of Secco's image: a layer with Node and its libraries, and one with the bundled
 * command, the addon and the BPF objects. There is no shell and no package manager.
 * @throws SeccoError UNAVAILABLE when the native part is not built, INVALID_ARGUMENT for another machine.
 */
export async function seccoImage(options: SeccoImageOptions): Promise<ImageContents> {
  const { root, name, node } = options
  const architecture = architectures[options.arch]
  if (architecture === undefined) {
    const hint = `there are images for ${Object.keys(architectures).join(' and ')}`
    throw new SeccoError('INVALID_ARGUMENT', `no image for ${options.arch}`, { hint })
  }
  const programs = builtPrograms(root)
  const runtime = await runtimeLayer(root, node, programs)
  const layers = [runtime.entries, await programLayer(root, runtime.components)]
  return {
    name,
    architecture,
    layers,
    config: {
      User: user,
      // The default profiles of the runtimes deny io_uring, and so do Secco's own: libuv does not have to try.
      Env: ['PATH=/usr/bin', 'NODE_ENV=production', 'UV_USE_IO_URING=0'],
      Entrypoint: ['/usr/bin/secco'],
      WorkingDir: '/',
      Labels: {
        'org.opencontainers.image.title': 'secco',
        'org.opencontainers.image.version': version,
        'org.opencontainers.image.licenses': 'Apache-2.0'
      }
    }
  }
}
