import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Files that pin what a build uses from elsewhere. */
const locks = ['package-lock.json', 'image/runtime/package-lock.json']

export interface Subject {
  /** File or image. */
  name: string
  /** Hexadecimal SHA-256. */
  sha256: string
}

export const sha256Of = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex')

/**
 * Returns how the subjects were built, as an in-toto statement with SLSA provenance
 * (https://slsa.dev/spec/v1.0/provenance). It is not signed: `cosign attest-blob` or the builder's own key does that.
 * @param root a checkout with git; uncommitted changes are named
 */
export async function provenance(root: string, subjects: readonly Subject[]): Promise<object> {
  const git = async (...args: string[]): Promise<string> =>
    (await run('git', ['-C', root, ...args])).stdout.trim()
  const commit = await git('rev-parse', 'HEAD')
  const changed = await git('status', '--porcelain')
  const pinned = await Promise.all(
    locks.map(async (name) => ({
      name,
      digest: { sha256: sha256Of(await readFile(join(root, name))) }
    }))
  )
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: subjects.map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'npm run image',
        externalParameters: { arch: process.arch },
        internalParameters: { hasUncommittedChanges: changed !== '' },
        resolvedDependencies: [{ name: 'source', digest: { gitCommit: commit } }, ...pinned]
      },
      runDetails: { builder: { id: `node ${process.versions.node}, ${process.platform}` } }
    }
  }
}
