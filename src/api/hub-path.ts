/**
 * The hub behind the API server: an aggregated API (APIService). Its one resource stands for the active hub, and the rest of a
 * path behind `proxy` is a path of the hub. The name `proxy` makes the API server treat streams as what they are.
 */
export const hubGroup = 'hub.secco.dev'
export const hubVersion = 'v1alpha1'
export const hubResource = 'hubs'
export const hubSubresource = 'proxy'

export const hubRoot = `/apis/${hubGroup}/${hubVersion}`
const activeHub = `${hubResource}/active/${hubSubresource}`

/**
 * Returns the path of the active hub at the API server.
 * @param namespace in which the API server asks for the right to reach the hub; undefined: in the whole cluster
 */
export function hubPath(namespace: string | undefined): string {
  const place = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`
  return `${hubRoot}${place}/${activeHub}`
}

/** Returns the hub's own path and query of such a request; undefined for other requests. */
export function pathInHub(url: string): string | undefined {
  if (!url.startsWith(`${hubRoot}/`)) return undefined
  const rest = url.slice(hubRoot.length)
  return new RegExp(`^(?:/namespaces/[^/?]+)?/${activeHub}(/.*)$`).exec(rest)?.[1]
}
