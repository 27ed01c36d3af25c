import { limits } from '../../../src/api/limits.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { parseProfileDocument } from '../../../src/api/parse.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { type Imported, importSources, type Source } from '../../../src/seccomp/import/import.js'
import { acceptProfile } from '../../../src/seccomp/lint/accept.js'
import { readObjects } from '../../admission/check-pod.js'
import type { JsonObject } from '../../admission/json.js'

export interface ProfileDocument {
  text: string
  /** The name that the document must have. */
  name: string
}

export interface ImportDocuments {
  sources: Source[]
  /** Namespace of profiles that name none. */
  namespace: string
  name?: string
}

/** ImportedProfile is a profile that was imported, with its namespace. */
export interface ImportedProfile extends Imported {
  profile: SeccompProfile & { metadata: { namespace: string } }
}

/** Reads the objects of a pasted document whose pods are to be tested. INVALID_DOCUMENT, TOO_LARGE. */
function readPods(text: string): JsonObject[] {
  const objects = readObjects(text, 'pod', limits.pastedYamlBytes)
  const most = limits.checkedObjects
  if (objects.length <= most) return objects
  const message = `pod: has ${objects.length} objects; at most ${most} are tested at once`
  throw new SeccoError('TOO_LARGE', message)
}

/** Reads a pasted profile. INVALID_DOCUMENT, INVALID_NAME, TOO_LARGE. */
function readProfile({ text, name }: ProfileDocument): SeccompProfile {
  const parsed = parseProfileDocument(text, 'document')
  if (parsed.metadata.name !== name) {
    const message = `metadata.name: is ${parsed.metadata.name}, the address says ${name}`
    throw new SeccoError('INVALID_DOCUMENT', message)
  }
  acceptProfile(parsed, 'document')
  return parsed
}

/** Reads foreign profiles and traces. INVALID_DOCUMENT, INVALID_NAME, TOO_LARGE. */
function readImports({ sources, ...given }: ImportDocuments) {
  const { imported, losses } = importSources(sources, given)
  const placed = imported.map(({ profile, kind }): ImportedProfile => {
    const namespace = profile.metadata.namespace ?? given.namespace
    const inPlace = { ...profile, metadata: { ...profile.metadata, namespace } }
    acceptProfile(inPlace, profile.metadata.name)
    return { kind, profile: inPlace }
  })
  return { imported: placed, losses }
}

/** What the thread of DocumentReader can read. */
export const readers = { pods: readPods, profile: readProfile, imports: readImports }

export type Readers = typeof readers
