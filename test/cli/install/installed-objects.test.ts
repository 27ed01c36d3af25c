import { test } from 'tap'
import { leftoversOf, pathOf } from '../../../cli/install/installed-objects.js'
import { nameOf } from '../../../cli/install/install.js'
import { installObjects } from '../../../cli/install/objects.js'
import { defaultOptions, layouts, type Manifest } from '../../../cli/install/options.js'
import { SeccoError } from '../../../src/lib/errors.js'
import type { ApiCall } from '../../../src/store/kubernetes-call.js'

/** Returns an API server that has these objects. */
function apiOf(objects: readonly Manifest[]): ApiCall {
  return (_method, path) => {
    const found = objects.find((one) => pathOf(one) === path)
    const items = objects.filter((one) => pathOf(one).replace(/\/[^/]+$/, '') === path)
    if (found !== undefined) return Promise.resolve(found)
    if (items.length > 0) return Promise.resolve({ items })
    return Promise.reject(new SeccoError('NOT_FOUND', path))
  }
}

test('the API of a hub is left over when the hub that is installed does not serve it', async (t) => {
  for (const layout of layouts) {
    const [without, withApi] = [false, true].map((hubApi) =>
      installObjects({ ...defaultOptions, layout, image: '', hubApi })
    ) as [Manifest[], Manifest[]]
    const names = new Set(without.map(nameOf))
    const extra = withApi.filter((one) => !names.has(nameOf(one)))
    t.ok(extra.map(nameOf).includes('APIService v1alpha1.hub.secco.dev'), layout)
    // [what is installed, what is there of an earlier installation, what is left over]
    const table: [string, Manifest[], Manifest[], Manifest[]][] = [
      ['with the API', withApi, [], []],
      ['without it', without, [], []],
      ['without it over one with it', without, extra, extra],
      ['no hub: nobody knows what its options are', [], extra, []]
    ]
    for (const [what, installed, earlier, left] of table) {
      const found = await leftoversOf(apiOf([...installed, ...earlier]), [layout])
      t.same(found.map(nameOf).sort(), left.map(nameOf).sort(), `${layout}: ${what}`)
    }
  }
})
