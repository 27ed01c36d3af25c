import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
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
import { bundleProgram } from './bundle.js'
import type { TarEntry } from './tar.js'

const run = promisify(execFile)

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

/**
 * Returns the paths of the addon and the programs that make built.
 * @throws SeccoError UNAVAILABLE when one is missing
 */
export function builtPrograms(root: string): string[] {
  const missing = nativeFiles.find(({ path }) => !existsSync(join(root, 'native/build', path)))
  if (missing !== undefined) {
    throw new SeccoError('UNAVAILABLE', `native/build/${missing.path} is missing`, {
      hint: 'run `make -C native` first'
    })
  }
  return nativeFiles
    .filter(({ program }) => program)
    .map(({ path }) => join(root, 'native/build', path))
}

/** Returns a file of an archive. */
export const file = (path: string, mode: number, content: Uint8Array | string): TarEntry => ({
  kind: 'file',
  path,
  mode,
  content: typeof content === 'string' ? Buffer.from(content) : content
})

/** Part of an archive, and what of it others made. */
export interface Part {
  entries: TarEntry[]
  components: Component[]
}

/** Returns the program without symbols, a seventh smaller; unchanged if llvm-strip is missing. */
export async function stripped(program: string): Promise<Buffer> {
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

/** Returns shared libraries of this machine, each at the path that `place` gives. */
export async function libraryParts(
  paths: readonly string[],
  place: (path: string) => string
): Promise<Part> {
  const parts = await Promise.all(
    paths.map(async (path) => {
      const content = await readFile(path)
      return {
        entry: file(place(path), 0o755, content),
        component: await libraryComponent(path, content)
      }
    })
  )
  return {
    entries: parts.map(({ entry }) => entry),
    components: parts.map(({ component }) => component)
  }
}

/** Returns Node without symbols at a path. */
export async function nodePart(root: string, node: string, path: string): Promise<Part> {
  return {
    entries: [file(path, 0o755, await stripped(node))],
    components: [await nodeComponent(root, node)]
  }
}

/** Returns Secco's program below a folder: the bundle, the outputs of make, and the package.json that native/paths.ts looks for. */
export async function programPart(root: string, home: string): Promise<Part> {
  const bundle = await bundleProgram(root, { readable: false })
  const native = await Promise.all(
    nativeFiles.map(async ({ path, program }) =>
      file(
        `${home}/native/build/${path}`,
        program ? 0o755 : 0o644,
        await readFile(join(root, 'native/build', path))
      )
    )
  )
  const packageJson = JSON.stringify({ name: 'secco', version, type: 'commonjs' })
  const inputs = new Set(bundle.files.flatMap((each) => each.inputs))
  return {
    entries: [
      ...bundle.files.map(({ name, content }) => file(`${home}/lib/${name}`, 0o644, content)),
      ...native,
      file(`${home}/package.json`, 0o644, `${packageJson}\n`)
    ],
    components: await bundledPackages(root, [...inputs])
  }
}

/** Name of the bill of materials (CycloneDX) in the folder of documents. */
export const billName = 'bill-of-materials.cdx.json'

/** Returns the licence, the licences of what others made, and the bill of materials, in a folder. */
export async function documents(
  root: string,
  folder: string,
  components: readonly Component[]
): Promise<TarEntry[]> {
  const bill = JSON.stringify(billOfMaterials(components), null, 2)
  return [
    file(`${folder}/LICENSE`, 0o644, await readFile(join(root, 'LICENSE'))),
    file(`${folder}/${billName}`, 0o644, `${bill}\n`),
    file(`${folder}/third-party-licenses.txt`, 0o644, licenseList(components))
  ]
}
