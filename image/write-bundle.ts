import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bundle } from './bundle.js'

/** Says which bundle bin/secco runs: build/bundle/current.json. */
interface Current {
  folder: string
  /** The bundle before: a program that still runs it loads parts of it later. */
  before?: string
  /** Sizes and times of what the compiler and npm wrote last. bin/secco runs no bundle of others. */
  compiled: string
}

const digestOf = ({ files }: Bundle): string => {
  const hash = createHash('sha256')
  for (const { name, content } of files) hash.update(`${name}\0${content}\0`)
  return hash.digest('hex').slice(0, 16)
}

const aDay = 24 * 3_600_000

const ageOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0
  )

/** Returns what bin/secco compares, too. */
async function compiledOf(root: string): Promise<string> {
  const names = ['build/tsconfig.tsbuildinfo', 'node_modules/.package-lock.json']
  const all = names.map((name) =>
    stat(join(root, name)).then(
      ({ size, mtimeMs }) => `${size} ${mtimeMs}`,
      () => 'none'
    )
  )
  return (await Promise.all(all)).join(' ')
}

/** Returns what was written last; undefined: nothing that can be read. */
async function lastOf(path: string): Promise<Current | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Current
  } catch {
    return undefined
  }
}

/**
 * Writes the bundle of a compiled checkout for bin/secco, unless there is one of this compilation. A bundle has a folder
 * of its own, named by its content, so that running programs keep theirs.
 * @returns false when there was one already
 */
export async function writeBundle(
  root: string,
  make: (root: string) => Promise<Bundle>
): Promise<boolean> {
  const home = join(root, 'build/bundle')
  const path = join(home, 'current.json')
  const compiled = await compiledOf(root)
  const last = await lastOf(path)
  if (last?.compiled === compiled && existsSync(join(home, last.folder, 'secco.cjs'))) return false
  const bundle = await make(root)
  const folder = digestOf(bundle)
  const temporary = join(home, `.new-${process.pid}`)
  await mkdir(temporary, { recursive: true })
  for (const { name, content } of bundle.files) await writeFile(join(temporary, name), content)
  // A folder of this name has this content.
  await rename(temporary, join(home, folder)).catch(() => rm(temporary, { recursive: true }))
  const before = last?.folder === folder ? last.before : last?.folder
  const current: Current = { folder, compiled, ...(before === undefined ? {} : { before }) }
  await writeFile(`${path}.${process.pid}`, JSON.stringify(current))
  await rename(`${path}.${process.pid}`, path)
  for (const name of await readdir(home)) {
    const isOld = ![folder, before].includes(name) && /^[0-9a-f]{16}$/.test(name)
    // Another user, for example root, may have kept something in it.
    if (isOld || (/^\.new-/.test(name) && (await ageOf(join(home, name))) > aDay))
      await rm(join(home, name), { recursive: true, force: true }).catch(() => undefined)
  }
  return true
}
