import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SeccoError } from '../src/lib/errors.js'

/** NodeRuntime is the Node that the image carries: a program, and the name of its architecture as in process.arch. */
export interface NodeRuntime {
  node: string
  arch: string
}

/**
 * Returns the Node of image/runtime/package-lock.json, which pins version and checksum.
 * @throws SeccoError UNAVAILABLE before `bin/setup image` installed it.
 */
export function nodeRuntime(root: string, arch: string = process.arch): NodeRuntime {
  const node = join(root, `image/runtime/node_modules/node-linux-${arch}/bin/node`)
  if (!existsSync(node)) {
    throw new SeccoError('UNAVAILABLE', `the image's Node for ${arch} is not installed`, {
      hint: 'run `bin/setup image` first'
    })
  }
  return { node, arch }
}
