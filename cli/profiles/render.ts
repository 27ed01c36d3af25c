import { join } from 'node:path'
import { rootNamespace } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'
import {
  isKnownRuntime,
  knownRuntimes,
  type RuntimeVersion
} from '../../src/seccomp/render/base.js'
import { extendsRef } from '../../src/seccomp/render/approved.js'

import { parseDocuments } from '../../src/api/parse.js'
import { renderProfile } from '../../src/seccomp/render/render.js'

interface RenderArgs {
  /** A SeccompProfile document; further profiles in the same stream can be extended. */
  file: string
  mode?: 'audit' | 'enforce'
  /** NAME@VERSION; default: every runtime that is known. */
  runtime?: string
  /** Folder with the profiles that spec.extends names: a directory store or plain NAME.yaml files. */
  resolveDir?: string
}

interface RenderIo {
  stdout: (text: string) => void
  stderr: (text: string) => void
  readFile: (path: string) => Promise<string>
}

/** Reads the value of --runtime. @throws SeccoError INVALID_ARGUMENT when it is not NAME@VERSION of a runtime that Secco knows */
export function runtimesOf(text: string | undefined): RuntimeVersion[] {
  if (text === undefined) return []
  const [, name, version] = /^([a-z0-9-]+)@(\d[\w.+~-]*)$/.exec(text) ?? []
  if (name === undefined || version === undefined) {
    throw new SeccoError('INVALID_ARGUMENT', `--runtime ${text} is not NAME@VERSION`, {
      hint: 'write for example --runtime runc@1.1.5'
    })
  }
  if (!isKnownRuntime(name)) {
    throw new SeccoError('INVALID_ARGUMENT', `--runtime ${text}: there is no data for ${name}`, {
      hint: `choose one of ${knownRuntimes.join(', ')}; without --runtime what each of them needs is used`
    })
  }
  return [{ name, version }]
}

const keyOf = (namespace: string, name: string) => `${namespace}/${name}`
const namespaceOf = (profile: SeccompProfile) => profile.metadata.namespace ?? rootNamespace

async function readProfiles(path: string, io: RenderIo): Promise<SeccompProfile[]> {
  const objects = parseDocuments(await io.readFile(path), path)
  return objects.filter((object) => object.kind === 'SeccompProfile')
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

/** Finds a profile in the places where a folder may have it; undefined when there is none. */
async function findProfile(dir: string, namespace: string, name: string, io: RenderIo) {
  const file = `${name}.yaml`
  const places = [
    join(dir, namespace, 'seccompprofiles', file),
    join(dir, namespace, file),
    join(dir, file)
  ]
  for (const path of places) {
    try {
      const found = (await readProfiles(path, io)).find(
        (profile) => profile.metadata.name === name && namespaceOf(profile) === namespace
      )
      if (found !== undefined) return found
    } catch (error) {
      if (!isAbsent(error)) throw error
    }
  }
  return undefined
}

async function loadExtended(
  first: SeccompProfile,
  known: Map<string, SeccompProfile>,
  dir: string,
  io: RenderIo
) {
  const queue = [first]
  for (let profile = queue.shift(); profile !== undefined; profile = queue.shift()) {
    for (const entry of profile.spec.extends ?? []) {
      const ref = extendsRef(entry, namespaceOf(profile))
      const key = keyOf(ref.namespace, ref.name)
      if (known.has(key)) continue
      const found = await findProfile(dir, ref.namespace, ref.name, io)
      if (found === undefined) continue
      known.set(key, found)
      queue.push(found)
    }
  }
}

async function render(args: RenderArgs, io: RenderIo): Promise<string> {
  const runtimes = runtimesOf(args.runtime)
  const profiles = await readProfiles(args.file, io)
  const [profile] = profiles
  if (profile === undefined) {
    throw new SeccoError('INVALID_DOCUMENT', `${args.file}: holds no SeccompProfile`, {
      field: 'kind'
    })
  }
  const known = new Map(
    profiles.map((each) => [keyOf(namespaceOf(each), each.metadata.name), each])
  )
  if (args.resolveDir !== undefined) {
    for (const each of profiles) await loadExtended(each, known, args.resolveDir, io)
  }
  const resolve = (namespace: string, name: string) => known.get(keyOf(namespace, name))
  return renderProfile(profile, { mode: args.mode ?? 'enforce', resolve, runtimes }).json
}

/** `secco render`: prints the OCI JSON as one line on stdout, errors on stderr. Exit code 0 or 1. */
export async function runRender(args: RenderArgs, io: RenderIo): Promise<number> {
  try {
    io.stdout(`${await render(args, io)}\n`)
    return 0
  } catch (thrown) {
    const error = isAbsent(thrown)
      ? new SeccoError('NOT_FOUND', `${args.file} does not exist`, {
          hint: 'check the path given with -f',
          cause: thrown
        })
      : toSeccoError(thrown)
    io.stderr(`error: ${error.message} (${error.code})\n  next: ${error.hint}\n`)
    return 1
  }
}
