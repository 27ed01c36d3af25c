import type { HubOptions } from './hub-types.js'
import type { IsGone } from './history/missed-deletions.js'

/**
 * Returns how to learn whether the store has no such object any more. In a folder a lost file changes the uid of an object,
 * too: only an API server proves that another object has the name.
 */
export const goneFrom =
  ({ store, cluster }: Pick<HubOptions, 'store' | 'cluster'>): IsGone =>
  async (kind, ref, uid) => {
    try {
      const object = await store.get(kind, ref)
      if (object === undefined) return true
      const { uid: present = uid } = object.metadata
      return cluster !== undefined && present !== uid
    } catch {
      // It is there and cannot be read, or the store does not answer.
      return false
    }
  }
