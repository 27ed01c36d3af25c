import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Returns the package's root: the nearest folder above this module that has a package.json. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder)
    if (above === folder) throw new Error('no package.json above the native module')
    folder = above
  }
  return folder
}

/** Returns the absolute path of a file in native/build, where `make -C native` writes. */
export function nativeBuild(...parts: string[]): string {
  return join(packageRoot(), 'native', 'build', ...parts)
}
