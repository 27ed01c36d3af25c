import { t, test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import { instance, profileOf } from '../../../helpers/instances.js'
import { startUiRig } from '../rig.js'

// Other tests may have the machine at the same time.
t.setTimeout(150_000)

const spec: SeccompProfile['spec'] = {
  seccomp: {
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }]
  }
}
const unseen = profileOf(spec, {
  instances: [instance(0, ['read'], { complete: false, events: [] })]
})
const seen = profileOf(spec, { instances: [instance(0, ['read'])] })
const enforced = { ...unseen, spec: { ...spec, ladder: { mode: 'enforce' as const } } }
const key = `${unseen.metadata.namespace ?? ''}/${unseen.metadata.name}`

// [what, the profile, whether a file for enforce has to be forced]
const table: [string, SeccompProfile, boolean][] = [
  ['no start was recorded', unseen, true],
  ['its start was recorded', seen, false],
  ['it is enforced already', enforced, false]
]

for (const [what, profile, isForced] of table) {
  test(`a file for enforce, in API and page: ${what}`, async (t) => {
    const { app, get } = await startUiRig({ objects: [profile] })
    t.teardown(() => app.close())
    const url = (query: string) => `/api/v1/profiles/${key}/export${query}`
    for (const query of ['', '?format=oci', '?format=spo', '?mode=enforce', '?force=false']) {
      const { statusCode, body } = await get(url(query))
      t.equal(statusCode, isForced ? 400 : 200, query)
      if (isForced)
        t.match(JSON.parse(body), {
          ...{ code: 'INVALID_ARGUMENT', message: /^force: .*No start was recorded/ },
          hint: new RegExp(`secco profile export ${key} --mode audit`)
        })
    }
    const audit = (await get(url('?mode=audit'))).json<{ file: string; text: string }>()
    t.equal(audit.file, `${unseen.metadata.name}.audit.json`)
    t.ok(audit.text.includes('SCMP_ACT_LOG'), 'denials are logged')
    const forced = (await get(url('?force=true'))).json<{ text: string }>().text
    t.notOk(forced.includes('SCMP_ACT_LOG'), 'they are denied')
    t.equal((await get(url('?format=yaml'))).statusCode, 200, 'a document enforces nothing')
    const page = (await get(`/profiles/${key}`)).body
    t.equal(page.includes(`secco profile export ${key} --force`), isForced)
    t.equal(page.includes('OCI JSON, for audit'), isForced)
    const shown = /data-export="([^"]*format=(?:oci|spo)[^"]*)"/g
    for (const [, href = ''] of page.matchAll(shown))
      t.equal((await get(href.replaceAll('&amp;', '&'))).statusCode, 200, 'each button works')
  })
}
