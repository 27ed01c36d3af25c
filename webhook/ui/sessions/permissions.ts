import { forbidden, type Permission } from '../../access/forbidden.js'
import type { Identity } from '../../access/rights.js'

/** Place is a namespace, or one object in it. */
interface Place {
  namespace: string
  name?: string
}

type Query = Readonly<Record<string, string | string[] | undefined>>

/** Checks a right. Lists need none, because they hold only what the person may see (scope.ts). */
export async function mustBeAllowed(
  identity: Identity,
  { verb, resource }: Permission,
  params: Readonly<Record<string, string>> = {}
): Promise<void> {
  if (verb === 'list' && ['seccompprofiles', 'seccomprules', 'denials'].includes(resource)) return
  if (await identity.can(verb, resource, params['namespace'], params['name'])) return
  throw forbidden(identity, { verb, resource }, params['namespace'])
}

const textsOf = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).filter(
    (one): one is string => typeof one === 'string' && one !== ''
  )

/** Returns the places that a query or a body names: `namespace`, and `profile` and `name` as `NAMESPACE/NAME`. */
export function placesOf(query: Query, body: unknown): Place[] {
  const given = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
  const all = (member: string): string[] => [...textsOf(query[member]), ...textsOf(given[member])]
  const named = [...all('profile'), ...all('name')].flatMap((text): Place[] => {
    const [namespace = '', name] = (text.split('@')[0] ?? '').split('/', 2)
    return name === undefined || namespace === '' ? [] : [{ namespace, name }]
  })
  return [...all('namespace').map((namespace) => ({ namespace })), ...named]
}

/**
 * Checks the right to an answer that scope.ts does not limit: everywhere, or in each namespace that the request names.
 * Returns which namespaces the answer may be about.
 * @param others further namespaces for the answer, where the person has the right
 * @throws SeccoError FORBIDDEN
 */
export async function reachOf(
  identity: Identity,
  permission: Permission,
  places: readonly Place[],
  others?: readonly string[]
): Promise<(namespace: string) => boolean> {
  const { verb, resource } = permission
  if (await identity.can(verb, resource)) return () => true
  if (places.length === 0 && others === undefined) throw forbidden(identity, permission)
  for (const { namespace, name } of places) {
    if (!(await identity.can(verb, resource, namespace, name)))
      throw forbidden(identity, permission, namespace)
  }
  const seen = new Set(places.map(({ namespace }) => namespace))
  for (const namespace of new Set(others)) {
    if (!seen.has(namespace) && (await identity.can(verb, resource, namespace))) seen.add(namespace)
  }
  return (namespace) => seen.has(namespace)
}
