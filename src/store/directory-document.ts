import { SeccoError } from '../lib/errors.js'
import { maxDocumentBytes } from '../api/parse.js'
import type { AnyObject, Kind, Objects } from '../api/objects.js'

/** How documents become objects and back; see src/api/parse.ts and src/api/validate.ts. */
export interface DocumentCodec {
  /** One YAML or JSON document → a validated object. INVALID_DOCUMENT names `where` and the field. */
  parse(text: string, where: string): AnyObject
  /** Validates an object that a program made. INVALID_DOCUMENT names the field. */
  validate(object: unknown, where: string): AnyObject
  serialize(object: AnyObject): string
}

/**
 * The store's bookkeeping lives in one annotation, not in metadata: an API server rejects the creation of
 * an object that already has a resourceVersion, and `kubectl apply` must accept the folder.
 */
const storeAnnotation = 'secco.dev/store'

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
function fromDisk<K extends Kind>(object: Objects[K]): Objects[K] {
  const { [storeAnnotation]: kept, ...annotations } = object.metadata.annotations ?? {}
  const metadata = { ...object.metadata, ...parseBookkeeping(kept) }
  if (Object.keys(annotations).length > 0) metadata.annotations = annotations
  else delete metadata.annotations
  return { ...object, metadata }
}

function toDisk(object: AnyObject): AnyObject {
  const { resourceVersion, generation, uid, creationTimestamp, ...metadata } = object.metadata
  const kept = JSON.stringify({ resourceVersion, generation, uid, creationTimestamp })
  metadata.annotations = { ...metadata.annotations, [storeAnnotation]: kept }
  return { ...object, metadata }
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

/** Text of a file → object with its bookkeeping in metadata. INVALID_DOCUMENT names file and field. */
export function readDocument<K extends Kind>(
  codec: DocumentCodec,
  text: string,
  place: { kind: K; namespace: string; name: string; where: string }
): Objects[K] {
  const object = codec.parse(text, place.where)
  return fromDisk(checkPlace(object, place.kind, place.namespace, place.name, place.where))
}

/** Object → text of its file. TOO_LARGE for what could not be read back. */
export function writeDocument(codec: DocumentCodec, object: AnyObject, where: string): string {
  const text = codec.serialize(toDisk(object))
  const size = Buffer.byteLength(text)
  if (size > maxDocumentBytes) {
    throw new SeccoError(
      'TOO_LARGE',
      `${where}: would have ${size} bytes; at most ${maxDocumentBytes} are accepted`
    )
  }
  return text
}
