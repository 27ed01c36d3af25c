import { execFile } from 'node:child_process'
import { readdir, readFile, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { version as seccoVersion } from '../src/lib/version.js'
import { sha256Of } from './provenance.js'

const run = promisify(execFile)

/** Component is one part of the image that others made. */
export interface Component {
  name: string
  version: string
  /** SPDX identifiers, or the words of the package itself. */
  licenses: string[]
  /** Package URL (https://github.com/package-url/purl-spec). */
  purl: string
  /** Hexadecimal, of the file in the image; of an npm package, what package-lock.json pins. */
  hashes: { alg: 'SHA-256' | 'SHA-512'; content: string }[]
  /** Full text of licence and copyright. */
  text: string
}

/** Packages in the scripts for the browser, which bin/gen-ui.mjs bundles into a source file. */
const browserPackages = ['idiomorph']

interface Lock {
  packages: Record<string, { version?: string; integrity?: string }>
}

const readLock = async (path: string): Promise<Lock> =>
  JSON.parse(await readFile(path, 'utf8')) as Lock

/** A checksum of package-lock.json, for example `sha512-…` in base64. */
function hashesOf(integrity: string | undefined): Component['hashes'] {
  const [, base64] = /^sha512-(.+)$/.exec(integrity ?? '') ?? []
  if (base64 === undefined) return []
  return [{ alg: 'SHA-512', content: Buffer.from(base64, 'base64').toString('hex') }]
}

/** Returns the licence files of a folder, one after the other. */
async function licenseTexts(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => /^(licen[cs]e|notice|copying)/i.test(name))
  const texts = await Promise.all(names.sort().map((name) => readFile(join(folder, name), 'utf8')))
  return texts.join('\n')
}

async function npmComponent(root: string, lock: Lock, path: string): Promise<Component> {
  const folder = join(root, path)
  const { name, version, license } = JSON.parse(
    await readFile(join(folder, 'package.json'), 'utf8')
  ) as { name: string; version: string; license?: string }
  return {
    ...{ name, version, licenses: license === undefined ? [] : [license] },
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    hashes: hashesOf(lock.packages[path]?.integrity),
    text: await licenseTexts(folder)
  }
}

/** Folder of the package that a file belongs to, relative to the checkout; undefined for Secco's own files. */
function packageFolder(path: string): string | undefined {
  return /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]
}

/**
 * Returns the npm packages that a bundle contains.
 * @param inputs paths of the bundled files below `root`, as in esbuild's metafile
 */
export async function bundledPackages(
  root: string,
  inputs: readonly string[]
): Promise<Component[]> {
  const lock = await readLock(join(root, 'package-lock.json'))
  const folders = new Set([
    ...inputs.flatMap((path) => packageFolder(path) ?? []),
    ...browserPackages.map((name) => `node_modules/${name}`)
  ])
  return Promise.all([...folders].sort().map((path) => npmComponent(root, lock, path)))
}

/** Returns Node as image/runtime pins it. */
export async function nodeComponent(root: string, node: string): Promise<Component> {
  const folder = dirname(dirname(node))
  const lock = await readLock(join(root, 'image/runtime/package-lock.json'))
  const path = `node_modules/${basename(folder)}`
  const { version = '' } = lock.packages[path] ?? {}
  return {
    ...{ name: 'node', version, licenses: ['MIT'] },
    purl: `pkg:npm/${basename(folder)}@${version}`,
    hashes: hashesOf(lock.packages[path]?.integrity),
    text: await licenseTexts(folder)
  }
}

/** Debian package of a file; undefined for a file that dpkg does not know. Since usrmerge it may know it without /usr. */
async function debianPackage(path: string): Promise<string | undefined> {
  const real = await realpath(path)
  for (const one of new Set([real, real.replace(/^\/usr/, ''), path, path.replace(/^\/usr/, '')])) {
    const found = await run('dpkg-query', ['-S', one]).catch(() => undefined)
    const name = /^([^:,\s]+)[^/]*: /.exec(found?.stdout ?? '')?.[1]
    if (name !== undefined) return name
  }
  return undefined
}

/** Names of licences in a machine-readable copyright file (DEP-5); empty for one in free form. */
export const debianLicenses = (copyright: string): string[] => [
  ...new Set([...copyright.matchAll(/^License: *(\S.*)$/gm)].map(([, name = '']) => name.trim()))
]

/** Returns a shared library of this machine with the Debian package that it comes from, if any. */
export async function libraryComponent(path: string, content: Uint8Array): Promise<Component> {
  const hashes = [{ alg: 'SHA-256' as const, content: sha256Of(content) }]
  const found = await debianPackage(path)
  if (found === undefined) {
    const name = basename(path)
    return { name, version: '', licenses: [], purl: `pkg:generic/${name}`, hashes, text: '' }
  }
  const { stdout } = await run('dpkg-query', ['-W', '-f', '${Version}\n', found])
  const version = stdout.split('\n')[0] ?? ''
  const text = await readFile(`/usr/share/doc/${found}/copyright`, 'utf8').catch(() => '')
  return {
    ...{ name: basename(path), version, licenses: debianLicenses(text) },
    ...{ purl: `pkg:deb/debian/${found}@${encodeURIComponent(version)}`, hashes, text }
  }
}

/**
 * Returns the bill of materials (CycloneDX 1.6, https://cyclonedx.org/docs/1.6/json/). It has no time and no random
 * serial number, so that equal images have equal bills.
 */
export function billOfMaterials(components: readonly Component[]): object {
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        ...{ type: 'application', 'bom-ref': 'secco', name: 'secco', version: seccoVersion },
        licenses: [{ license: { id: 'Apache-2.0' } }]
      }
    },
    components: components.map(({ licenses, name, version, purl, hashes }) => ({
      type: 'library',
      'bom-ref': `${purl}#${name}`,
      ...{ name, purl, hashes },
      ...(version === '' ? {} : { version }),
      licenses: licenses.map((license) => ({ license: { name: license } }))
    }))
  }
}

/** Returns the licence and copyright texts of all components, each once. */
export function licenseList(components: readonly Component[]): string {
  const byText = new Map<string, Component[]>()
  for (const one of components) {
    const text = one.text.trim()
    byText.set(text, [...(byText.get(text) ?? []), one])
  }
  return [...byText]
    .map(([text, ones]) => {
      const names = ones.map(({ name, version }) => `${name} ${version}`.trim())
      return `${names.join('\n')}\n\n${text || 'No licence text is installed with it.'}\n`
    })
    .join(`\n${'-'.repeat(80)}\n\n`)
}
