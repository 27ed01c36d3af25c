import { rootNamespace } from '../api/names.js'
import type { SeccompRule } from '../api/seccomp-rule.js'
import { toSeccoError } from '../lib/errors.js'
import type { Store } from '../store/store.js'

/** Returns the stored rules that can give a profile of a namespace to pods, as far as the caller may list them. */
export async function rulesFor(
  store: Pick<Store, 'list'>,
  namespace = rootNamespace
): Promise<SeccompRule[]> {
  const lists = [...new Set([namespace, rootNamespace])].map((one) =>
    store.list('SeccompRule', one).catch((error: unknown) => {
      if (toSeccoError(error).code === 'FORBIDDEN') return []
      throw error
    })
  )
  return (await Promise.all(lists)).flat()
}
