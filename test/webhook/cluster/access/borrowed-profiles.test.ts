import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { t, test, type Test } from 'tap'
import { apiVersion } from '../../../../src/api/names.js'
import { findApiServer } from '../../../helpers/api-server-programs.js'
import { type Json, kubeClient } from '../../../helpers/kube.js'
import { startHubNear, startPeopleCluster } from '../../../helpers/people-cluster.js'
import { runSecco } from '../../../helpers/secco-command.js'
import { until } from '../../../helpers/until.js'

t.setTimeout(400_000)
const found = await findApiServer()
const skip = found.programs === undefined ? found.skip : false
const api = '/apis/secco.dev/v1alpha1/namespaces'
const rbac = '/apis/rbac.authorization.k8s.io/v1'
const profileOf = (namespace: string, name: string, spec: Json = {}): Json => ({
  ...{ apiVersion, kind: 'SeccompProfile', metadata: { namespace, name } },
  spec: { ...spec }
})

/** What two importers read: observations, and an approved part. */
const sources: readonly [what: string, file: string, text: string][] = [
  ['a trace', 'web.log', 'execve("/x") = 0\nmount("a") = 0\n'],
  ['a profile', 'web.json', '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[]}']
]

test('profiles are neither imported over nor borrowed without the right', { skip }, async (t) => {
  if (found.programs === undefined) return
  const people = await startPeopleCluster(found.programs)
  const { cluster, tokens, give, kubeconfig } = people
  const { kube } = cluster
  const folder = await mkdtemp(join(tmpdir(), 'secco-borrowed-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  t.teardown(() => cluster.stop())
  const verbs = ['create', 'get', 'list', 'watch']
  const rules = [{ apiGroups: ['secco.dev'], resources: ['seccompprofiles'], verbs }]
  await kube.do('POST', `${rbac}/clusterroles`, { metadata: { name: 'importer' }, rules })
  // The endpoint asks for the right to create in every namespace before it looks at each profile.
  await give('importer', 'vera')
  const observed = { x86_64: ['read'] }
  const web = `${api}/shop/seccompprofiles/web`
  await kube.do('POST', `${api}/shop/seccompprofiles`, profileOf('shop', 'web'))
  const patch = { contentType: 'application/merge-patch+json' }
  await kube.do('PATCH', `${web}/status`, { status: { observed } }, patch)
  /** Fails when somebody changed what is approved or was observed. */
  const untouched = async (t: Test, what: string) => {
    const { spec, status = {} } = (await kube.do('GET', web)) as { spec: Json; status?: Json }
    t.same([spec, status['observed']], [{}, observed], `${what}: nothing was written`)
  }

  await t.test('import: pages and HTTP API', async (t) => {
    const { webhook } = await startHubNear(people, folder, 'vera')
    t.teardown(() => webhook.stop())
    const post = (path: string, body: object, headers: Record<string, string>) =>
      fetch(`${webhook.ui}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: webhook.ui, ...headers },
        body: JSON.stringify(body)
      })
    const session = await post('/api/v1/session', { token: tokens.vera }, {})
    t.equal(session.status, 200)
    const cookie = session.headers.get('set-cookie')?.split(';')[0] ?? ''
    const ways = { page: { cookie }, API: { authorization: `Bearer ${tokens.vera}` } }
    for (const [way, headers] of Object.entries(ways)) {
      for (const [what, name, text] of sources) {
        const files = [{ name, text }]
        const send = (profile: string) =>
          post('/api/v1/import', { files, namespace: 'shop', name: profile }, headers)
        const answer = await send('web')
        t.equal(answer.status, 403, `${way}: ${what}`)
        t.match(
          await answer.json(),
          { message: /vera may not update seccompprofiles in namespace shop/ },
          what
        )
        await untouched(t, `${way}: ${what}`)
      }
    }
  })

  await t.test('import: the command line, with a kubeconfig of their own', async (t) => {
    const config = await kubeconfig(folder, 'vera')
    const env = { SECCO_STATE: join(folder, 'state') }
    for (const [what, name, text] of sources) {
      const file = join(folder, name)
      await writeFile(file, text)
      const args = ['import', '--apply', '-f', file, '--name', 'web', '-n', 'shop']
      const { code, stderr } = await runSecco([...args, '--kubeconfig', config], { env })
      t.equal(code, 1, `${what}: ${stderr}`)
      t.match(stderr, /vera/, `${what}: ${stderr}`)
      await untouched(t, what)
    }
  })

  await t.test('extends: only profiles that the person may read', async (t) => {
    for (const name of ['bank', 'vault']) {
      await kube.do('POST', '/api/v1/namespaces', { metadata: { name } })
      await kube.do('POST', `${api}/${name}/seccompprofiles`, profileOf(name, 'secret'))
    }
    const olga = kubeClient(cluster.url, cluster.caPem, tokens.olga)
    const extend = (...names: string[]) =>
      olga.call('PATCH', web, { spec: { extends: names } }, patch)
    const foreign = Array.from({ length: 9 }, (_, at) => `vault/p${at}`)
    for (const [what, names, problem] of [
      ['of the namespace', ['base'], undefined],
      ['of the namespace, by its whole name', ['shop/base'], undefined],
      ['of the root namespace', ['secco-system/base'], undefined],
      ['of another', ['bank/secret'], /olga may not read all of bank\/secret/],
      ['behind others', ['base', 'secco-system/a', 'bank/secret'], /bank\/secret/],
      ['of two others', ['vault/x', 'bank/secret'], /vault\/x, bank\/secret/],
      ['nine of another', foreign, /at most 8/],
      ['eight of another', foreign.slice(1), /may not read all of/]
    ] as const) {
      const { status, body } = await extend(...names)
      t.equal(status, problem === undefined ? 200 : 403, `${what}: ${String(body['message'])}`)
      if (problem !== undefined) t.match(body['message'], problem, what)
    }
    const made = await olga.call('POST', `${api}/shop/seccompprofiles`, {
      ...profileOf('shop', 'thief', { extends: ['bank/secret'] })
    })
    t.equal(made.status, 403, 'a new profile')
    await give('secco-viewer', 'olga', 'bank')
    const accepted = await until('the right to count', async () => {
      const { status } = await extend('bank/secret')
      return status === 200 ? true : undefined
    })
    t.ok(accepted)
    const role = `${rbac}/namespaces/bank/rolebindings/secco-viewer-olga`
    await kube.do('DELETE', role)
    await until('the right to end', async () => {
      const { status } = await extend('bank/secret', 'bank/other')
      return status === 403 ? true : undefined
    })
    t.equal((await extend('bank/secret', 'base')).status, 200, 'what was there stays')
  })
})
