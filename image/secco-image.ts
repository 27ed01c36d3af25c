import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { build, stop } from 'esbuild'
import { SeccoError } from '../src/lib/errors.js'
import { version } from '../src/lib/version.js'
import {
  billOfMaterials,
  bundledPackages,
  type Component,
  libraryComponent,
  licenseList,
  nodeComponent
} from './bill-of-materials.js'
import type { ImageContents } from './oci-archive.js'
import { sharedLibraries } from './shared-libraries.js'
import type { TarEntry } from './tar.js'

const run = promisify(execFile)

/** Folder of the program in the image, with the package.json that native/paths.ts looks for. */
const home = 'opt/secco'
/** Debian's `nobody`: the webhook needs no rights. The DaemonSet sets root itself. */
const user = '65534:65534'

/** Bill of materials (CycloneDX) in the image. */
export const billPath = 'usr/share/doc/secco/bill-of-materials.cdx.json'

/** Outputs of `make -C native` that run in a cluster, without objects for comparisons. */
export const nativeFiles = [
  { path: 'Release/secco_recorder.node', program: true },
  { path: 'secco-launcher', program: true },
  { path: 'secco-probe', program: true },
  { path: 'secco-audit-reader', program: true },
  { path: 'secco-inspector', program: true },
  { path: 'recorder.bpf.o', program: false },
  { path: 'iter-task.bpf.o', program: false },
  { path: 'filters.bpf.o', program: false }
] as const

/** Definitions that packages with CommonJS code expect. */
const commonJsNames = [
  "import{createRequire as secco_require}from'node:module'",
  "import{fileURLToPath as secco_path}from'node:url'",
  "import{dirname as secco_dirname}from'node:path'",
  'const require=secco_require(import.meta.url),__filename=secco_path(import.meta.url)',
  '__dirname=secco_dirname(__filename);'
]
const banner = `${commonJsNames.slice(0, 3).join(';')};${commonJsNames.slice(3).join(',')}`

const starter = `#!/usr/bin/node
import { main } from '../lib/secco.js'
process.exitCode = await main(process.argv.slice(2))
`

const file = (path: string, mode: number, content: Uint8Array | string): TarEntry => ({
  kind: 'file',
  path,
  mode,
  content: typeof content === 'string' ? Buffer.from(content) : content
})

/** Part of a layer, and what of it others made. */
interface Part {
  entries: TarEntry[]
  components: Component[]
}

/** Bundles the command as ES modules, split so that a verb loads only what it needs. */
async function bundle(root: string): Promise<Part> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    // The second one is a thread: certs/sign.ts looks for it next to itself, and all outputs are in one folder.
    entryPoints: { secco: 'cli/main.ts', 'sign-worker': 'certs/sign-worker.ts' },
    outdir: '/lib',
    write: false,
    metafile: true,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // Names stay: a stack trace in a log is read by people.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    banner: { js: banner },
    logLevel: 'error'
  }).finally(
    // esbuild's service is a separate process, which would keep this one alive.
    () => stop()
  )
  return {
    entries: outputFiles.map((one) =>
      file(`${home}/lib/${basename(one.path)}`, 0o644, one.contents)
    ),
    components: await bundledPackages(root, Object.keys(metafile.inputs))
  }
}

/** Returns the program without symbols, a seventh smaller; unchanged if llvm-strip is missing. */
async function stripped(program: string): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'secco-image-'))
  const out = join(folder, 'program')
  try {
    await run('llvm-strip', ['-o', out, program])
    return await readFile(out)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return await readFile(program)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function runtimeLayer(
  root: string,
  node: string,
  programs: readonly string[]
): Promise<Part> {
  const libraries = await sharedLibraries([node, ...programs])
  const parts = await Promise.all(
    libraries.map(async (path) => {
      const content = await readFile(path)
      return {
        entry: file(path.slice(1), 0o755, content),
        component: await libraryComponent(path, content)
      }
    })
  )
  const components = [await nodeComponent(root, node), ...parts.map((one) => one.component)]
  const entries: TarEntry[] = [
    ...parts.map(({ entry }) => entry),
    file('usr/bin/node', 0o755, await stripped(node)),
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
  return { entries, components }
}

async function programLayer(root: string, ofRuntime: readonly Component[]): Promise<TarEntry[]> {
  const { entries, components } = await bundle(root)
  const all = [...ofRuntime, ...components]
  const native = await Promise.all(
    nativeFiles.map(async ({ path, program }) =>
      file(
        `${home}/native/build/${path}`,
        program ? 0o755 : 0o644,
        await readFile(join(root, 'native/build', path))
      )
    )
  )
  return [
    ...entries,
    ...native,
    file(
      `${home}/package.json`,
      0o644,
      `${JSON.stringify({ name: 'secco', version, type: 'module' })}\n`
    ),
    file(`${home}/bin/secco`, 0o755, starter),
    { kind: 'link', path: 'usr/bin/secco', target: `/${home}/bin/secco` },
    file(`usr/share/doc/secco/LICENSE`, 0o644, await readFile(join(root, 'LICENSE'))),
    file(billPath, 0o644, `${JSON.stringify(billOfMaterials(all), null, 2)}\n`),
    file(`usr/share/doc/secco/third-party-licenses.txt`, 0o644, licenseList(all))
  ]
}

const architectures: Record<string, string> = { x64: 'amd64', arm64: 'arm64' }

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
  const missing = nativeFiles.find(({ path }) => !existsSync(join(root, 'native/build', path)))
  if (missing !== undefined) {
    throw new SeccoError('UNAVAILABLE', `native/build/${missing.path} is missing`, {
      hint: 'run `make -C native` first'
    })
  }
  const programs = nativeFiles
    .filter(({ program }) => program)
    .map(({ path }) => join(root, 'native/build', path))
  const runtime = await runtimeLayer(root, node, programs)
  const layers = [runtime.entries, await programLayer(root, runtime.components)]
  return {
    name,
    architecture,
    layers,
    config: {
      User: user,
      Env: ['PATH=/usr/bin', 'NODE_ENV=production'],
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
