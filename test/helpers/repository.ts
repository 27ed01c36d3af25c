import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

function findRoot(from: string): string {
  return existsSync(join(from, 'package.json')) ? from : findRoot(dirname(from))
}

/** The checkout that the compiled tests (build/test/…) belong to. */
export const repositoryRoot = findRoot(import.meta.dirname)
