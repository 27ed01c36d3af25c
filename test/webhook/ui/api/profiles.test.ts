import { t, test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../../../src/api/seccomp-rule.js'
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
    const said = page.replaceAll(/<[^>]+>/g, '')
    t.equal(said.includes(`secco profile export ${key} --force`), isForced)
    t.equal(page.includes('OCI JSON, for audit'), isForced)
    const shown = /data-export="([^"]*format=(?:oci|spo)[^"]*)"/g
    for (const [, href = ''] of page.matchAll(shown))
      t.equal((await get(href.replaceAll('&amp;', '&'))).statusCode, 200, 'each button works')
  })
}

test('of a profile with nothing approved the page offers its document, and no command that would be rejected', async (t) => {
  const { status = {} } = unseen
  const learned: SeccompProfile = {
    ...profileOf({}, {}),
    status: { ...status, startup: { x86_64: ['acct', 'read'] } }
  }
  const { app, get } = await startUiRig({ objects: [learned] })
  t.teardown(() => app.close())
  const page = (await get(`/profiles/${key}`)).body
  t.match(page, /Nothing is approved: there is no file for a runtime yet/)
  t.same(
    [...page.matchAll(/data-export="[^"]*format=(\w+)/g)].map(([, format]) => format),
    ['yaml']
  )
  t.notMatch(page, /secco profile export|its revision denies/)
})

test('a rule that was just written counts, also where this process has not heard of it', async (t) => {
  const rule: SeccompRule = {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompRule' },
    metadata: { namespace: unseen.metadata.namespace ?? '', name: 'r' },
    spec: { podSelector: {}, mode: 'enforce', profile: { name: unseen.metadata.name } }
  }
  const learned: SeccompProfile = {
    ...unseen,
    spec: {},
    status: { ...unseen.status, observed: { x86_64: ['read'] } }
  }
  const rig = await startUiRig({ objects: [learned, rule], rules: () => [] })
  t.teardown(() => rig.app.close())
  const url = `/api/v1/profiles/${key}/approve`
  t.match((await rig.send('POST', url, { reason: 'x' })).json(), {
    ...{ code: 'INVALID_ARGUMENT', message: /^force: .*the rule .*\/r enforces it at once/ }
  })
  t.equal((await rig.send('POST', url, { reason: 'x', force: true })).statusCode, 200)
})

test('a rule that names a profile which does not exist is a problem, on its page and of the doctor', async (t) => {
  const ruleOf = (namespace: string, name: string, profile: { name: string }): SeccompRule => ({
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompRule', metadata: { namespace, name } },
    spec: { podSelector: { matchLabels: { app: name } }, mode: 'enforce', profile }
  })
  const missing = 'its profile shop/nope does not exist: no pod gets it'
  const rules = [
    ruleOf('shop', 'typo', { name: 'nope' }),
    ruleOf('shop', 'right', { name: unseen.metadata.name }),
    ruleOf('secco-system', 'each', { name: 'nope' })
  ]
  const rig = await startUiRig({ objects: [unseen, ...rules] })
  t.teardown(() => rig.app.close())
  for (const path of ['/rules', '/doctor']) {
    const said = (await rig.get(path)).body.replaceAll(/<[^>]+>/g, '')
    t.equal(said.split(missing).length - 1, 1, path)
  }
})
