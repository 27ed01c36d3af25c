import { t, test } from 'tap'
import type { Resource, Rights, Verb } from '../../../../webhook/access/rights.js'
import { pages } from '../../../../webhook/ui/pages/registry.js'
import { profile, startUiRig } from '../rig.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

/** A user who may list profiles, so that pages are shown at all, and nothing else. */
const rights: Rights = {
  kind: 'cluster',
  ofToken: (token) =>
    Promise.resolve({
      user: 'anna',
      can: (verb: Verb, resource: Resource) =>
        Promise.resolve(
          token === 'all' ||
            (verb === 'list' && ['seccompprofiles', 'seccomprules', 'denials'].includes(resource))
        )
    })
}

test('a page is shown only to whoever may do what it needs', async (t) => {
  const { app } = await startUiRig({ rights })
  t.teardown(() => app.close())
  const listed: Resource[] = ['seccompprofiles', 'seccomprules', 'denials']
  const get = async (url: string, token: string) => {
    const headers = { host: 'localhost', authorization: `Bearer ${token}` }
    return app.inject({ url, headers })
  }
  let denied = 0
  for (const { path, needs } of pages) {
    const url = path.replace(':namespace', 'shop').replace(':name', profile.metadata.name)
    const isOpen = needs.verb === 'list' && listed.includes(needs.resource)
    const { statusCode, body } = await get(url.replace(/:\w+/g, 'x'), 'some')
    if (isOpen) t.not(statusCode, 403, path)
    else {
      denied += 1
      t.equal(statusCode, 403, `${path}: ${needs.verb} ${needs.resource}`)
      t.match(body, new RegExp(`anna may not ${needs.verb} ${needs.resource}`), path)
    }
    t.not((await get(url.replace(/:\w+/g, 'x'), 'all')).statusCode, 403, `${path}: with all rights`)
  }
  t.ok(denied >= 5, `${denied} pages need more than a list`)
})
