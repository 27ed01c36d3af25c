import { rootNamespace } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { SeccoError } from '../../src/lib/errors.js'
import { extendsRef, type Resolve } from '../../src/seccomp/render/approved.js'
import { builtinProfile } from '../../src/seccomp/render/builtin.js'
import { emergencyName } from '../../src/seccomp/render/emergency.js'
import type { ObjectRef, Store } from '../../src/store/store.js'
import type { Io } from './io.js'

const keyOf = ({ namespace, name }: ObjectRef): string => `${namespace}/${name}`

/** What takes the place of a profile that the user may not read; undefined: nothing can. */
const substituteOf = ({ namespace, name }: ObjectRef): string | undefined => {
  if (namespace !== rootNamespace) return undefined
  if (name === emergencyName) return 'what it blocks is missing here'
  return builtinProfile(namespace, name) && 'the shipped one takes its place here'
}

/** Reads a profile, or returns the error for a profile that the user may not read. */
async function readParent(
  store: Store,
  ref: ObjectRef
): Promise<SeccompProfile | SeccoError | undefined> {
  try {
    return await store.get('SeccompProfile', ref)
  } catch (error) {
    if (error instanceof SeccoError && error.code === 'FORBIDDEN') return error
    throw error
  }
}

/**
 * Returns a resolver for the renderings of one profile. It has read what the profile extends and the emergency overlay,
 * and nothing else: a user may have rights in one namespace only. It throws for a parent that the user may not read.
 */
export async function storeResolver(
  io: Io,
  store: Store,
  profile: SeccompProfile
): Promise<Resolve> {
  const read = new Map<string, SeccompProfile | SeccoError | undefined>()
  const parentsOf = ({ metadata: { namespace = rootNamespace }, spec }: SeccompProfile) =>
    (spec.extends ?? []).map((entry) => extendsRef(entry, namespace))
  const waiting = [{ namespace: rootNamespace, name: emergencyName }, ...parentsOf(profile)]
  for (let ref = waiting.shift(); ref !== undefined; ref = waiting.shift()) {
    if (read.has(keyOf(ref))) continue
    const found = await readParent(store, ref)
    read.set(keyOf(ref), found)
    if (found instanceof SeccoError) {
      const substitute = substituteOf(ref)
      if (substitute === undefined) continue
      read.set(keyOf(ref), undefined)
      io.stderr(`warning: ${found.message}; ${substitute}\n  next: ${found.hint}\n`)
    } else if (found !== undefined) waiting.push(...parentsOf(found))
  }
  read.set(
    keyOf({
      namespace: profile.metadata.namespace ?? rootNamespace,
      name: profile.metadata.name
    }),
    profile
  )
  return (namespace, name) => {
    const found = read.get(keyOf({ namespace, name }))
    if (found instanceof SeccoError) throw found
    return found
  }
}
