import { test, type Test } from 'tap'
import { findApiServer } from '../helpers/api-server-programs.js'
import type { Kube, KubeResponse } from '../helpers/kube.js'
import { testRule } from '../helpers/rules.js'
import { shippedAdmission, startShippedCluster } from '../helpers/shipped-cluster.js'
import { until } from '../helpers/until.js'
import {
  type PodParts,
  worstDebugs,
  worstPod,
  worstPods,
  worstRules,
  worstUpdates
} from '../helpers/worst-pods.js'

const found = await findApiServer()
const skip = found.skip ?? false

/** Returns the numbers of evaluations that failed so far, after which the pod was accepted as if it had passed. */
async function failedEvaluations(kube: Kube): Promise<Map<string, number>> {
  const { body } = await kube.call('GET', '/metrics')
  const counts = new Map<string, number>()
  for (const line of String(body['text']).split('\n')) {
    const [, labels = '', value] =
      /^apiserver_validating_admission_policy_check_total\{(.*)\} (\d+)$/.exec(line) ?? []
    if (value === undefined) continue
    if (labels.includes('enforcement_action="allow"')) counts.set(labels, Number(value))
  }
  return counts
}

test('no pod exceeds the cost limit of a policy', { skip, timeout: 600_000 }, async (t) => {
  if (found.programs === undefined) return
  const rig = await startShippedCluster(found.programs, { shop: {}, 'secco-system': {} })
  const { create, accept, apply, cluster } = rig
  t.teardown(() => cluster.stop())
  const { kube } = cluster
  await apply(shippedAdmission('warn').policies)
  for (const [name, spec] of Object.entries(worstRules)) {
    await accept(testRule(name, { ...spec, profile: { namespace: 'shop', name: 'web.app' } }))
  }
  await until('the policies to take effect', async () => {
    const text = (await create('shop', worstPod({}))).warnings.join()
    return ['plain', 'literals'].every((name) => text.includes(`secco-system/${name}`)) || undefined
  })

  /** Sends a request, and fails if it made an evaluation fail: the pod would have passed that policy unseen. */
  async function judged(t: Test, what: string, send: () => Promise<KubeResponse>) {
    const before = await failedEvaluations(kube)
    const { status, body, warnings } = await send()
    const failed = [...(await failedEvaluations(kube))]
      .filter(([labels, count]) => count > (before.get(labels) ?? 0))
      .map(([labels]) => labels)
    t.same(failed, [], `${what}: every policy is evaluated to its end`)
    t.ok(status < 300, `${what}: ${status} ${String(body['message'])}`)
    return warnings.join('\n')
  }

  await t.test('new pods', { timeout: 400_000 }, async (t) => {
    for (const [what, parts, answer] of worstPods) {
      t.match(await judged(t, what, () => create('shop', worstPod(parts()))), answer, what)
    }
  })

  await t.test('updates of stored pods', { timeout: 200_000 }, async (t) => {
    const pods = '/api/v1/namespaces/shop/pods'
    for (const [what, stored, change] of worstUpdates) {
      await kube.do('POST', pods, worstPod(stored()))
      const { labels, containers } = change()
      const body = { metadata: { labels }, spec: { containers } }
      const contentType = 'application/strategic-merge-patch+json'
      await judged(t, what, () =>
        kube.call('PATCH', `${pods}/probe?dryRun=All`, body, { contentType })
      )
      await kube.do('DELETE', `${pods}/probe?gracePeriodSeconds=0`)
    }
  })

  await t.test('kubectl debug', { timeout: 200_000 }, async (t) => {
    await kube.do('POST', '/api/v1/namespaces/shop/pods', worstPod({}))
    const debug = (parts: PodParts) =>
      kube.call(
        'PATCH',
        '/api/v1/namespaces/shop/pods/probe/ephemeralcontainers?dryRun=All',
        { spec: { ephemeralContainers: parts.containers } },
        { contentType: 'application/strategic-merge-patch+json' }
      )
    for (const [what, parts, answer] of worstDebugs) {
      t.match(await judged(t, what, () => debug(parts())), answer, what)
    }
  })
})
