import { isDeepStrictEqual } from 'node:util'
import { SeccoError } from '../lib/errors.js'
import { maxDocumentBytes } from '../api/parse.js'
import type { AnyObject, Kind, Objects } from '../api/objects.js'

/** How documents become objects and back; see src/api/parse.ts and src/api/validate.ts. */
export interface DocumentCodec {
  /** One YAML or JSON document → a validated object. INVALID_DOCUMENT names `where` and the field. */
  parse(text: string, where: string): AnyObject
  /** Validates an object that a program made. INVALID_DOCUMENT names the field. */
  validate(object: unknown, where: string): AnyObject
  /** Validates an object that this store wrote. What its status has that this release does not know is dropped. */
  restore(object: unknown, where: string): AnyObject
  serialize(object: AnyObject): string
}

/** Where earlier versions of Secco kept the version of an object: in its YAML, where the status was, too. */
const storeAnnotation = 'secco.dev/store'

/** What a store keeps of the history of an object, in metadata. */
interface Bookkeeping {
  resourceVersion?: string
  generation?: number
  uid?: string
  creationTimestamp?: string
}

function parseBookkeeping(text: string | undefined): Bookkeeping {
  if (text === undefined) return {}
  try {
    const raw: unknown = JSON.parse(text)
    if (typeof raw !== 'object' || raw === null) return {}
    const from = raw as Record<string, unknown>
    const kept: Bookkeeping = {}
    if (typeof from['resourceVersion'] === 'string') kept.resourceVersion = from['resourceVersion']
    const generation = Number(from['generation'])
    if (Number.isSafeInteger(from['generation']) && generation >= 0) kept.generation = generation
    if (typeof from['uid'] === 'string') kept.uid = from['uid']
    if (typeof from['creationTimestamp'] === 'string') {
      kept.creationTimestamp = from['creationTimestamp']
    }
    return kept
  } catch {
    // The annotation was edited by hand: the bookkeeping starts again, the object itself is valid.
    return {}
  }
}

/** Lifts the bookkeeping out of the annotation into metadata. */
function withoutAnnotation<K extends Kind>(object: Objects[K]): Objects[K] {
  const { [storeAnnotation]: kept, ...annotations } = object.metadata.annotations ?? {}
  const metadata = { ...object.metadata, ...parseBookkeeping(kept) }
  if (Object.keys(annotations).length > 0) metadata.annotations = annotations
  else delete metadata.annotations
  return { ...object, metadata }
}

/** Returns the metadata that people write: an API server rejects the creation of an object with a resourceVersion. */
function writtenMetadata({ metadata }: AnyObject): AnyObject['metadata'] {
  const written = { ...metadata }
  delete written.resourceVersion
  delete written.generation
  delete written.uid
  delete written.creationTimestamp
  return written
}

/** Returns the part of an object that people write. */
function writtenPart<K extends Kind>(object: Objects[K]): Objects[K] {
  const written = { ...object, metadata: writtenMetadata(object) }
  delete written.status
  return written
}

/** Returns whether two objects have the same YAML. */
export function isSameDocument(left: AnyObject, right: AnyObject): boolean {
  return isDeepStrictEqual(writtenPart(left), writtenPart(right))
}

/** Returns the version that follows. */
export function nextResourceVersion({ resourceVersion = '0' }: Bookkeeping): string {
  const version = Number(resourceVersion)
  return String((Number.isSafeInteger(version) ? version : 0) + 1)
}

/** Returns the object of a YAML that somebody edited, with what Secco kept: the edit counts as a write. */
export function editedObject<K extends Kind>(edited: Objects[K], kept: Objects[K]): Objects[K] {
  const { generation = 1, uid, creationTimestamp } = kept.metadata
  const isSameSpec = isDeepStrictEqual(edited.spec, kept.spec)
  const metadata = {
    ...writtenMetadata(edited),
    resourceVersion: nextResourceVersion(kept.metadata),
    generation: isSameSpec ? generation : generation + 1,
    ...(uid !== undefined && { uid }),
    ...(creationTimestamp !== undefined && { creationTimestamp })
  }
  const object: Objects[K] = { ...edited, metadata }
  delete object.status
  if (kept.status !== undefined) object.status = kept.status
  return object
}

/** Whether an object is of that kind. */
export function isKind<K extends Kind>(kind: K, object: AnyObject): object is Objects[K] {
  return object.kind === kind
}

function invalid(where: string, field: string, message: string): SeccoError {
  return new SeccoError('INVALID_DOCUMENT', `${where}: ${field} ${message}`, { field })
}

/** Checks that kind, namespace and name of a document match its place. INVALID_DOCUMENT names the field. */
export function checkPlace<K extends Kind>(
  object: AnyObject,
  kind: K,
  namespace: string,
  name: string,
  where: string
): Objects[K] {
  if (!isKind(kind, object)) throw invalid(where, 'kind', `must be ${kind} to match its folder`)
  if (object.metadata.namespace !== namespace) {
    throw invalid(where, 'metadata.namespace', `must be ${namespace} to match its folder`)
  }
  if (object.metadata.name !== name) {
    throw invalid(where, 'metadata.name', `must be ${name} to match its file name`)
  }
  return object
}

/** Place says which object a document has to be, and which file it is. */
interface Place<K extends Kind> {
  kind: K
  namespace: string
  name: string
  where: string
}

/**
 * Returns the object of a YAML, and whether it has parts that are no longer kept there. INVALID_DOCUMENT names file and
 * field.
 */
export function readDocument<K extends Kind>(
  codec: DocumentCodec,
  text: string,
  { kind, namespace, name, where }: Place<K>
): { object: Objects[K]; isOld: boolean } {
  const object = checkPlace(codec.parse(text, where), kind, namespace, name, where)
  const isOld =
    object.status !== undefined || object.metadata.annotations?.[storeAnnotation] !== undefined
  return { object: withoutAnnotation(object), isOld }
}

/** Returns the YAML of an object. TOO_LARGE for what could not be read back. */
export function writeDocument(codec: DocumentCodec, object: AnyObject, where: string): string {
  return checkSize(codec.serialize(writtenPart(object)), where)
}

/** Returns the text. TOO_LARGE for more than a document may have. */
export function checkSize(text: string, where: string): string {
  const size = Buffer.byteLength(text)
  if (size <= maxDocumentBytes) return text
  throw new SeccoError(
    'TOO_LARGE',
    `${where}: would have ${size} bytes; at most ${maxDocumentBytes} are accepted`
  )
}
