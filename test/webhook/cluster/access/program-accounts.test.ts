import { KubeConfig } from '@kubernetes/client-node'
import { type Test, t, test } from 'tap'
import { approvedDigest } from '../../../../src/seccomp/policy/approval.js'
import { findApiServer } from '../../../helpers/api-server-programs.js'
import { type Json, kubeClient } from '../../../helpers/kube.js'
import { type ApiCall, createApiCall } from '../../../../src/store/kubernetes-call.js'
import { kubernetesHistory } from '../../../../src/store/kubernetes-history.js'
import { secretSessions } from '../../../../webhook/cluster/access/session-secret.js'
import { account, install, startPeopleCluster } from '../../../helpers/people-cluster.js'

t.setTimeout(400_000)
const found = await findApiServer()
const profiles = '/apis/secco.dev/v1alpha1/namespaces/shop/seccompprofiles'
const user = (name: string) => `system:serviceaccount:secco-system:${name}`

const wide = {
  defaultAction: 'SCMP_ACT_ERRNO' as const,
  syscalls: [{ names: ['read', 'mount'], action: 'SCMP_ACT_ALLOW' as const }]
}
const promote = { afterInstances: 1, afterQuiet: '1h' }

/** What `who` writes to approve a profile, bound to its content. */
const approving = (who: string): Json => ({
  seccomp: wide,
  approval: {
    ...{ by: user(who), at: '2026-11-28T10:00:00Z', reason: 'taken over' },
    digest: approvedDigest({ seccomp: wide })
  }
})

/** The Secret for sessions is what a hub may write of Secrets, over the version that it knows. */
async function sessionsOf(t: Test, name: string, call: ApiCall): Promise<void> {
  const [one, other] = [secretSessions(call, 'secco-system'), secretSessions(call, 'secco-system')]
  const before = await one.read()
  t.equal(before === undefined || before === 'second', true, `${name}: ${before ?? 'nothing yet'}`)
  await one.write('first')
  t.equal(await other.read(), 'first', 'as another replica reads it')
  await other.write('second')
  await t.rejects(one.write('stale'), { code: 'CONFLICT' }, 'of a hub that was replaced')
  t.equal(await other.read(), 'second')
  await t.rejects(secretSessions(call, 'default').read(), { code: 'FORBIDDEN' })
}

test('no account of a program approves what people did not leave to it', {
  skip: found.programs === undefined ? found.skip : false
}, async (t) => {
  if (found.programs === undefined) return
  const { cluster, tokens } = await startPeopleCluster(found.programs)
  t.teardown(() => cluster.stop())
  const { kube } = cluster
  await install(cluster, 'overlays/small/rights.yaml')
  const token: Record<string, string> = {
    'secco-hub': tokens.hub,
    'secco-webhook': await account(cluster, 'secco-system', 'secco-webhook'),
    secco: await account(cluster, 'secco-system', 'secco')
  }
  for (const name of ['secco-hub', 'secco']) {
    const config = new KubeConfig()
    const caData = Buffer.from(cluster.caPem).toString('base64')
    config.loadFromClusterAndUser(
      { name: 'here', server: cluster.url, caData, skipTLSVerify: false },
      { name, token: token[name] ?? '' }
    )
    const call = createApiCall(config)
    await sessionsOf(t, name, call)
    const history = kubernetesHistory(call)
    const of = `secco-history-${'0'.repeat(40)}`
    const first = await history.put(of, 'shop/Deployment/web/app', '1', undefined)
    await history.put(of, 'shop/Deployment/web/app', '2', first)
    const texts: string[] = []
    for await (const { text } of history.list()) texts.push(text)
    t.same(texts, ['2'], `${name}: a history`)
    await history.delete(of)
  }
  for (const [name, spec] of [
    ['plain', {}],
    ['left', { promote }]
  ] as const) {
    await kube.do('POST', profiles, {
      ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { name } },
      spec: { workload: { kind: 'Deployment', name, container: 'app' }, ...spec }
    })
  }
  const denied = /may not approve/
  const forbidden = /forbidden: User .* cannot patch resource/
  const cases: [string, string, string, Json, RegExp | undefined][] = [
    ['admission', 'secco-webhook', 'plain', approving('secco-webhook'), forbidden],
    ['admission, left to the hub', 'secco-webhook', 'left', approving('secco-webhook'), forbidden],
    ...['secco-hub', 'secco'].flatMap(
      (name): [string, string, string, Json, RegExp | undefined][] => [
        ['an approval', name, 'plain', approving(name), denied],
        ['content alone', name, 'plain', { seccomp: wide }, denied],
        ['a policy of its own', name, 'plain', { promote }, denied],
        ['a policy of its own, with content', name, 'plain', { promote, seccomp: wide }, denied],
        ['another base', name, 'left', { extends: ['secco-system/wide'] }, denied],
        ['an easier policy', name, 'left', { promote: { ...promote, afterQuiet: '1s' } }, denied],
        ['no policy', name, 'left', { promote: null, seccomp: wide }, denied],
        ["another one's name", name, 'left', approving('olga'), /must be system:serviceaccount/],
        ['what people left to it', name, 'left', approving(name), undefined]
      ]
    )
  ]
  for (const [what, name, profile, spec, expected] of cases) {
    const own = kubeClient(cluster.url, cluster.caPem, token[name] ?? '')
    const contentType = 'application/merge-patch+json'
    const path = `${profiles}/${profile}?dryRun=All`
    const { status, body } = await own.call('PATCH', path, { spec }, { contentType })
    const { message = '' } = body as { message?: string }
    if (expected === undefined) t.equal(status, 200, `${name}: ${what}: ${message}`)
    else {
      t.ok(status === 403 || status === 422, `${name}: ${what}: ${status}`)
      t.match(message, expected, `${name}: ${what}`)
    }
  }
  const configMaps = '/api/v1/namespaces/secco-system/configmaps'
  for (const [name, expected] of [
    ['secco-replicas', 201],
    ['secco-hub-active', 403],
    ['secco-other', 403]
  ] as const) {
    const own = kubeClient(cluster.url, cluster.caPem, token['secco-webhook'] ?? '')
    const { status } = await own.call(
      'PATCH',
      `${configMaps}/${name}?fieldManager=secco-replica-a&dryRun=All`,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { a: 'b' } },
      { contentType: 'application/apply-patch+yaml' }
    )
    t.equal(status, expected, `admission writes ${name}`)
  }
})
