import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import type { ContainerView } from '../../../webhook/confinement/containers/container-view.js'
import { findApiServer } from '../../helpers/api-server-programs.js'
import type { Json } from '../../helpers/kube.js'
import { startHubNear, startPeopleCluster } from '../../helpers/people-cluster.js'
import { testRule } from '../../helpers/rules.js'
import { until } from '../../helpers/until.js'
import { runHere } from '../../helpers/webhook-program.js'

const found = await findApiServer()
const skip = found.skip ?? false
const custom = '/apis/secco.dev/v1alpha1/namespaces'
const pods = '/api/v1/namespaces/shop/pods'

/** The documents state two seconds; beside other tests it may take longer. */
const reported = { timeoutMs: 30_000 }

const podOf = (name: string, labels: Json, securityContext: Json = {}): Json => ({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels } },
  spec: { containers: [{ name: 'app', image: 'web:1', securityContext }] }
})

test('a pod that was created while the webhook was away is shown before it runs', {
  skip,
  timeout: 300_000
}, async (t) => {
  if (found.programs === undefined) return
  const people = await startPeopleCluster(found.programs)
  const { cluster } = people
  const { kube } = cluster
  t.teardown(() => cluster.stop())
  const folder = await mkdtemp(join(tmpdir(), 'secco-bypassed-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await kube.do('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', {
    metadata: { name: 'looks-at-containers' },
    rules: [
      {
        apiGroups: ['secco.dev'],
        resources: ['seccompprofiles/containers'],
        verbs: ['get', 'list']
      }
    ]
  })
  await people.give('looks-at-containers', 'vera')
  await kube.do('POST', `${custom}/shop/seccompprofiles`, {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { name: 'web' } },
    spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } }
  })
  const selected = { podSelector: { matchLabels: { app: 'web' } } }
  const rule = testRule('web', { ...selected, profile: { namespace: 'shop', name: 'web' } })
  await kube.do('POST', `${custom}/secco-system/seccomprules`, rule)

  const { webhook, near } = await startHubNear(people, folder, 'vera')
  t.teardown(() => webhook.stop())
  const ps = (...args: string[]) => runHere(['ps', '-A', ...args, '--state', near])
  const listed = async (...args: string[]) => {
    const { stdout, stderr, code } = await ps('-o', 'json', ...args)
    if (code !== 0) throw new Error(stderr)
    return (JSON.parse(stdout) as { items: ContainerView[] }).items
  }

  await kube.do('POST', pods, podOf('web-1', { app: 'web' }))
  await kube.do('POST', pods, podOf('other', { app: 'other' }))
  await kube.do('POST', pods, podOf('root', { app: 'web' }, { privileged: true }))
  const [view] = await until(
    'the pod in secco ps',
    async () => {
      const items = await listed()
      return items.length > 0 ? items : undefined
    },
    reported
  )
  const { state: word, namespace, pod, name, node, image, workload, unprotected } = view ?? {}
  t.same(
    { word, namespace, pod, name, node, image, workload },
    {
      ...{ word: 'starting', namespace: 'shop', pod: 'web-1', name: 'app', node: '' },
      ...{ image: 'web:1', workload: 'Pod/web-1' }
    }
  )
  t.equal(unprotected?.rule, 'secco-system/web')
  t.match(unprotected?.message, /stored without one: the webhook was not reached.*recreate/)
  t.same(
    (await listed()).map((one) => one.pod),
    ['web-1'],
    'pods that no rule is about, and privileged ones, are not listed'
  )
  t.match((await ps()).stdout, /shop +Pod\/web-1 +app +starting \(not protected\)/)
  t.equal((await listed('--wrong')).length, 1)
  t.equal((await listed('-l', 'app=web')).length, 1)
  t.same(await listed('-l', 'app=other'), [])

  await until(
    'the event on the pod',
    async () => {
      const { items } = await kube.do('GET', '/apis/events.k8s.io/v1/namespaces/shop/events')
      return (items as { reason?: string; regarding?: { name?: string } }[]).find(
        ({ reason, regarding }) => reason === 'NotPatched' && regarding?.name === 'web-1'
      )
    },
    reported
  )
  await until(
    'the condition of the rule',
    async () => {
      const { status } = await kube.do('GET', `${custom}/secco-system/seccomprules/web`)
      const { conditions = [] } = (status ?? {}) as { conditions?: Json[] }
      return conditions.find((one) => one['type'] === 'Bypassed' && one['status'] === 'True')
    },
    reported
  )

  const running = { status: { phase: 'Running' } }
  await kube.do('POST', pods, podOf('web-2', { app: 'web' }))
  await until('another pod', async () => ((await listed()).length === 2 ? true : undefined))
  const patch = { contentType: 'application/merge-patch+json' }
  await kube.do('PATCH', `${pods}/web-2/status`, running, patch)
  await until('what runs to be left to the node', async () =>
    (await listed()).every((one) => one.pod !== 'web-2') ? true : undefined
  )
  await kube.do('DELETE', `${pods}/web-1?gracePeriodSeconds=0`)
  await until('the deleted pod to leave', async () =>
    (await listed()).length === 0 ? true : undefined
  )
  t.pass('it left')
})
