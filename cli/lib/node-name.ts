import { hostname } from 'node:os'

/** Returns the name of this node as certificates and objects spell it. */
export function nodeName(given: string | undefined): string {
  const name = (given ?? hostname())
    .toLowerCase()
    .replace(/[^a-z0-9.-]/g, '-')
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
  return name === '' ? 'localhost' : name
}
