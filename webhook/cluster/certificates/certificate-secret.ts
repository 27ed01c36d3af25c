import { parsePair, serialise } from '../../../certs/authority.js'
import { checkPair } from '../../../certs/pair.js'
import { bundleOfMaterial, type Material } from '../../../certs/plan.js'
import { SeccoError } from '../../../src/lib/errors.js'

const annotations = {
  announcedAt: 'secco.dev/announced-at',
  changedAt: 'secco.dev/changed-at',
  /** `leaf` or `authority`: a person asks for a new one; the annotation is removed when that is done. */
  rotate: 'secco.dev/rotate'
} as const

/** The fields of a Secret (core/v1) that are used here. */
export interface Secret {
  metadata: {
    name: string
    namespace: string
    resourceVersion?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
  }
  data?: Record<string, string>
}

const encode = (text: string): string => Buffer.from(text).toString('base64')

/**
 * Returns the material in a Secret. It has the keys of kubernetes.io/tls and cert-manager, and our own.
 * @throws SeccoError CERTIFICATE_INVALID: a damaged authority is never replaced silently, because every node trusts
 * it. A damaged leaf is issued again.
 */
export function readSecret(secret: Secret): { material: Material; asked?: 'leaf' | 'authority' } {
  const { name, namespace, annotations: notes = {} } = secret.metadata
  const where = `Secret ${namespace}/${name}`
  const text = (key: string): string | undefined => {
    const value = secret.data?.[key]
    return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8')
  }
  const authority = text('authority.pem')
  if (authority === undefined) {
    throw new SeccoError('CERTIFICATE_INVALID', `${where}: authority.pem is missing`, {
      hint: 'restore it, or delete the Secret: Secco creates a new authority, and satellites wait for its bundle'
    })
  }
  const material: Material = { current: parsePair(authority, `${where}: authority.pem`) }
  const next = text('authority-next.pem')
  if (next !== undefined) material.next = parsePair(next, `${where}: authority-next.pem`)
  const previous = text('authority-previous.crt')
  if (previous !== undefined) material.previous = previous
  const { [annotations.announcedAt]: announcedAt, [annotations.changedAt]: changedAt } = notes
  if (announcedAt !== undefined) material.announcedAt = announcedAt
  if (changedAt !== undefined) material.changedAt = changedAt
  const [cert, key] = [text('tls.crt'), text('tls.key')]
  if (cert !== undefined && key !== undefined) {
    try {
      checkPair({ cert, key }, where)
      material.leaf = { cert, key }
    } catch {
      // The plan issues a missing leaf.
    }
  }
  const asked = notes[annotations.rotate]
  return asked === 'leaf' || asked === 'authority' ? { material, asked } : { material }
}

/** Returns the Secret with the material. Other metadata stays, except for a request that is done. */
export function writeSecret(
  before: Secret['metadata'],
  material: Material,
  now: Date,
  done: boolean
): object {
  const { current, next, previous, leaf, announcedAt, changedAt } = material
  const notes = { ...before.annotations }
  for (const [key, value] of [
    [annotations.announcedAt, announcedAt],
    [annotations.changedAt, changedAt]
  ] as const) {
    if (value === undefined) Reflect.deleteProperty(notes, key)
    else notes[key] = value
  }
  if (done) Reflect.deleteProperty(notes, annotations.rotate)
  const data: Record<string, string> = {
    'authority.pem': encode(serialise(current)),
    'ca.crt': encode(bundleOfMaterial(material, now)),
    'tls.crt': encode(leaf?.cert ?? ''),
    'tls.key': encode(leaf?.key ?? '')
  }
  if (next !== undefined) data['authority-next.pem'] = encode(serialise(next))
  if (previous !== undefined) data['authority-previous.crt'] = encode(previous)
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: {
      ...before,
      annotations: notes,
      labels: { ...before.labels, 'app.kubernetes.io/name': 'secco' }
    },
    data
  }
}
