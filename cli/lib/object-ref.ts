import type { ObjectRef } from '../../src/store/store.js'

/** Reads `NAMESPACE/NAME`, or NAME in the given namespace. */
export function parseRef(text: string, namespace: string): ObjectRef {
  const [first = '', second] = text.split('/', 2)
  return second === undefined ? { namespace, name: first } : { namespace: first, name: second }
}
