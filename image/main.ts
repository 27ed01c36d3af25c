import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { SeccoError } from '../src/lib/errors.js'
import { version } from '../src/lib/version.js'
import { nodeRuntime } from './node-runtime.js'
import { writeRelease } from './write-image.js'

const usage = `usage: npm run image -- [FILE] [--name NAME]
Writes Secco's image as an OCI archive (default: build/secco-image.tar), the same bytes each time. Next to it:
  FILE.sha256           its checksum, for sha256sum -c
  FILE.cdx.json         the bill of materials (CycloneDX), which is in the image too
  FILE.provenance.json  how it was built (SLSA, not signed)
Import it with: ctr -n k8s.io images import FILE
`

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      name: { type: 'string', default: `docker.io/library/secco:${version}` },
      help: { type: 'boolean', short: 'h', default: false }
    }
  })
  if (values.help) {
    process.stdout.write(usage)
    return
  }
  const root = resolve(import.meta.dirname, '../..')
  const out = resolve(positionals[0] ?? join(root, 'build/secco-image.tar'))
  const { name, digest, size } = await writeRelease({
    root,
    out,
    name: values.name,
    ...nodeRuntime(root)
  })
  process.stdout.write(`${out}  ${name}  ${digest}  ${megabytes(size)}\n`)
}

try {
  await main()
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
  if (error instanceof SeccoError) process.stderr.write(`next: ${error.hint}\n`)
  process.exitCode = 1
}
