import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

function findRoot(from: string): string {
  let folder = from
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}

/** The folder of package.json: sources and built artefacts are found from here, compiled or not. */
export const packageRoot = findRoot(import.meta.dirname)
