import { type Test, test } from 'tap'
import { apiVersion } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { Store, StoreEvent } from '../../../src/store/store.js'
import { startObjectCache } from '../../../webhook/snapshot/object-cache.js'

const profile = (name: string, mode: 'x' | 'y' = 'x'): SeccompProfile => ({
  ...{ apiVersion, kind: 'SeccompProfile', metadata: { namespace: 'shop', name } },
  spec: { workload: { kind: 'Pod', name: mode, container: 'app' } }
})

/** Returns the cache of a store whose events come from the test. */
async function cacheOf(t: Test) {
  let tell: (event: StoreEvent) => void = () => undefined
  const store = {
    watch: (listener: (event: StoreEvent) => void) => {
      tell = listener
      return Promise.resolve(() => undefined)
    },
    problems: () => []
  } as unknown as Store
  const objects = await startObjectCache(store)
  t.teardown(() => {
    objects.close()
  })
  return { objects, tell: (event: StoreEvent) => tell(event) }
}

test('the list of objects is in the order of their names, and the same one until an object changes', async (t) => {
  const { objects, tell } = await cacheOf(t)
  const listed = () =>
    objects.profiles().map(({ metadata, spec }) => `${metadata.name} ${spec.workload?.name}`)
  for (const name of ['web', 'api', 'db']) tell({ type: 'applied', object: profile(name) })
  t.same(listed(), ['api x', 'db x', 'web x'])
  const before = objects.profiles()
  t.equal(objects.profiles(), before)
  tell({ type: 'applied', object: profile('db', 'y') })
  t.not(objects.profiles(), before)
  t.same(listed(), ['api x', 'db y', 'web x'])
  tell({ type: 'deleted', kind: 'SeccompProfile', ref: { namespace: 'shop', name: 'api' } })
  t.same(listed(), ['db y', 'web x'])
  t.same(objects.rules(), [])
})

test('what cannot be read for now was not deleted', async (t) => {
  const { objects, tell } = await cacheOf(t)
  const deleted: string[] = []
  objects.onDeleted(({ metadata }) => deleted.push(metadata.name))
  const gone = (name: string, isUnreadable?: true): void =>
    tell({
      ...{ type: 'deleted', kind: 'SeccompProfile', ref: { namespace: 'shop', name } },
      ...(isUnreadable && { isUnreadable })
    })
  for (const name of ['web', 'api']) {
    tell({ type: 'applied', object: profile(name) })
    gone(name, true)
  }
  t.same(objects.profiles(), [], 'nothing uses it')
  tell({ type: 'applied', object: profile('web') })
  t.same(deleted, [])
  for (const name of ['web', 'api', 'never-read']) gone(name)
  t.same(deleted, ['web', 'api'], 'with what could be read of it')
  gone('api')
  t.equal(deleted.length, 2, 'once')
})
