import { SeccoError } from '../src/lib/errors.js'
import type { Store } from '../src/store/store.js'

/**
 * Returns the store with the change that only the active hub writes to it. An update is checked once more when the
 * object has been read: the role may have changed hands since.
 * @throws SeccoError UNAVAILABLE by every write on standby
 */
export function fencedStore(store: Store, isActive: () => boolean): Store {
  function mustBeActive(): void {
    if (isActive()) return
    throw new SeccoError('UNAVAILABLE', 'this hub is on standby: another one may write now', {
      hint: 'try again in a few seconds: the active hub takes the request then'
    })
  }
  return {
    list: (kind, namespace) => store.list(kind, namespace),
    get: (kind, ref) => store.get(kind, ref),
    async apply(kind, object) {
      mustBeActive()
      return store.apply(kind, object)
    },
    async update(kind, ref, change, seen) {
      mustBeActive()
      const checked: typeof change = (object) => {
        mustBeActive()
        return change(object)
      }
      return store.update(kind, ref, checked, seen)
    },
    async delete(kind, ref) {
      mustBeActive()
      return store.delete(kind, ref)
    },
    history: {
      list: () => store.history.list(),
      get: (name) => store.history.get(name),
      async put(...document) {
        mustBeActive()
        return store.history.put(...document)
      },
      async setAside(name) {
        mustBeActive()
        return store.history.setAside(name)
      },
      async delete(name) {
        mustBeActive()
        return store.history.delete(name)
      }
    },
    watch: (listener) => store.watch(listener),
    problems: () => store.problems(),
    close: () => store.close()
  }
}
