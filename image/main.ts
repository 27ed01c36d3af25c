import { writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { SeccoError } from '../src/lib/errors.js'
import { version } from '../src/lib/version.js'
import { nodeRuntime } from './node-runtime.js'
import { writeRelease } from './release.js'
import { writeImage } from './write-image.js'

const usage = `usage: npm run image -- [FILE] [--name NAME]
       npm run release -- [FOLDER] [--name NAME]
image: writes Secco's image as an OCI archive (default: build/secco-image.tar), the same bytes each time,
and its checksum beside it as FILE.sha256, for sha256sum -c.
Import it with: ctr -n k8s.io images import FILE
release: writes the command, a Debian package, the image, the manifests, the bill of materials (CycloneDX), the
provenance (SLSA, not signed) and SHA256SUMS into a folder (default: dist).
`

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      name: { type: 'string', default: `docker.io/library/secco:${version}` },
      release: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false }
    }
  })
  if (values.help) {
    process.stdout.write(usage)
    return
  }
  const root = resolve(import.meta.dirname, '../..')
  const { name } = values
  if (values.release) {
    const folder = resolve(positionals[0] ?? join(root, 'dist'))
    const files = await writeRelease({ root, folder, image: name, runtime: nodeRuntime(root) })
    process.stdout.write(files.map((file) => `${file}\n`).join(''))
    return
  }
  const out = resolve(positionals[0] ?? join(root, 'build/secco-image.tar'))
  const { digest, size, sha256 } = await writeImage({ root, out, name, ...nodeRuntime(root) })
  await writeFile(`${out}.sha256`, `${sha256}  ${basename(out)}\n`)
  process.stdout.write(`${out}  ${name}  ${digest}  ${megabytes(size)}\n`)
}

try {
  await main()
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
  if (error instanceof SeccoError) process.stderr.write(`next: ${error.hint}\n`)
  process.exitCode = 1
}
