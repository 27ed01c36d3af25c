import { stat } from 'node:fs/promises'
import { SeccoError } from '../../src/lib/errors.js'
import { writeDurable } from '../../src/lib/durable-file.js'
import type { Io } from './io.js'

/** The members of a bundle's config.json that are read; the others stay as they are. */
type Config = Record<string, unknown> & { linux: Record<string, unknown> }

function parseConfig(path: string, text: string): Config {
  const wrong = (message: string, cause?: unknown) =>
    new SeccoError('INVALID_DOCUMENT', `${path}: ${message}`, {
      cause,
      hint: 'name the config.json of a bundle; `runc spec` writes one'
    })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw wrong('is not JSON', error)
  }
  if (typeof value !== 'object' || value === null || !('ociVersion' in value))
    throw wrong("is not a runtime configuration: 'ociVersion' is missing")
  const linux: unknown = 'linux' in value ? value.linux : {}
  if (typeof linux !== 'object' || linux === null) throw wrong("'linux' is not an object")
  return { ...value, linux: { ...linux } }
}

/**
 * Writes a profile into `linux.seccomp` of a bundle's config.json (OCI runtime-spec, config-linux.md), completely
 * or not at all. The rest of the file and its mode stay. NOT_FOUND, INVALID_DOCUMENT, WRITE_FAILED.
 */
export async function putIntoConfig(io: Io, path: string, seccomp: string): Promise<void> {
  const text = await io.readFile(path).catch((error: unknown) => {
    throw new SeccoError('NOT_FOUND', `${path} cannot be read`, {
      cause: error,
      hint: 'name the config.json of a bundle; `runc spec` writes one'
    })
  })
  const config = parseConfig(path, text)
  const { mode } = await stat(path)
  const after = { ...config, linux: { ...config.linux, seccomp: JSON.parse(seccomp) as unknown } }
  const indent = text.includes('\n\t') ? '\t' : 2
  await writeDurable(path, `${JSON.stringify(after, null, indent)}\n`, mode & 0o777)
  io.stderr(`${path}: linux.seccomp is set; it applies to containers that start from now on\n`)
}

/** Writes the output of a verb into a config.json, or prints it when there is no path. Returns the exit code. */
export async function printOrPut(
  io: Io,
  path: string | undefined,
  verb: (io: Io) => Promise<number>
): Promise<number> {
  if (path === undefined) return verb(io)
  let output = ''
  const code = await verb({ ...io, stdout: (text) => void (output += text) })
  if (code === 0) await putIntoConfig(io, path, output)
  return code
}
