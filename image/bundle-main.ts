import { resolve } from 'node:path'
import { writeBundle } from './write-bundle.js'

/** Writes the bundle that bin/secco of this checkout runs: the second half of `npm run build`. */
await writeBundle(resolve(import.meta.dirname, '../..'), async (root) => {
  // Loaded on use: most often there is nothing to do.
  const { bundleProgram } = await import('./bundle.js')
  return bundleProgram(root, { readable: true })
})
