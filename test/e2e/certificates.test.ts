import { X509Certificate } from 'node:crypto'
import { test } from 'tap'
import { createAuthority } from '../../certs/authority.js'
import { applySteps, newMaterial } from '../../certs/material.js'
import { bundleOfMaterial, type Material, planCertificates } from '../../certs/plan.js'
import { createLogger } from '../../src/lib/log.js'
import { buildSnapshot } from '../../src/rules/snapshot.js'
import { createApiCall } from '../../src/store/kubernetes-call.js'
import type { CertificateSource } from '../../certs/certificate-source.js'
import { startClusterCertificates } from '../../webhook/cluster/certificates/certificates.js'
import { Leader } from '../../webhook/cluster/replicas/leader.js'
import { createAdmissionServer } from '../../webhook/server.js'
import { loadKubeconfig } from '../../cli/lib/open-store.js'
import { findApiServer } from '../helpers/api-server-programs.js'
import { startCluster } from '../helpers/cluster.js'
import type { Json } from '../helpers/kube.js'
import { quiet } from '../helpers/quiet.js'
import { until } from '../helpers/until.js'
import { patientWebhook } from '../helpers/patient-webhook.js'

const hour = 3_600_000
const day = 24 * hour
const names = ['localhost', '127.0.0.1']

test('when certificates are made, announced, changed and forgotten', async (t) => {
  const start = new Date('2026-01-01T00:00:00Z')
  const at = (ms: number): Date => new Date(start.getTime() + ms)
  const options = { names, settleMs: 10 * 60_000, overlapMs: day, trusted: true }
  const plan = (
    material: Material,
    now: Date,
    more: Partial<typeof options & { asked: 'leaf' | 'authority' }> = {}
  ) => planCertificates(material, { ...options, now, ...more })
  const first = await newMaterial(names, start)
  t.same(plan(first, start), [])
  t.same(plan(first, at(59 * day)), [], 'two thirds of ninety days are not over')
  t.same(plan(first, at(61 * day)), ['issue-leaf'])
  t.same(plan(first, start, { asked: 'leaf' }), ['issue-leaf'])
  t.same(plan(first, start, { names: ['elsewhere'] }), ['issue-leaf'], 'another name')

  t.same(plan(first, start, { asked: 'authority' }), ['announce-authority'])
  const announced = await applySteps(first, ['announce-authority'], names, start)
  t.equal(bundleOfMaterial(announced, start).match(/BEGIN/g)?.length, 2, 'both are trusted')
  t.equal(announced.leaf, first.leaf, 'and the old one still signs')
  const asked = { asked: 'authority' } as const
  t.same(plan(announced, at(9 * 60_000), asked), [], 'clients have not had time yet')
  t.same(plan(announced, at(hour), { ...asked, trusted: false }), [], 'the API server lacks it')
  t.same(plan(announced, at(hour), asked), ['change-authority', 'issue-leaf'])
  const changed = await applySteps(announced, ['change-authority', 'issue-leaf'], names, at(hour))
  t.equal(changed.current, announced.next)
  t.ok(
    new X509Certificate(changed.leaf?.cert ?? '').checkIssued(
      new X509Certificate(changed.current.cert)
    )
  )
  t.equal(bundleOfMaterial(changed, at(hour)).match(/BEGIN/g)?.length, 2)
  t.same(plan(changed, at(2 * hour)), [])
  t.same(plan(changed, at(26 * hour)), ['forget-authority'])
  const forgotten = await applySteps(changed, ['forget-authority'], names, at(26 * hour))
  t.equal(bundleOfMaterial(forgotten, at(26 * hour)).match(/BEGIN/g)?.length, 1)

  // Nobody asks: by age alone.
  const year = 365 * day
  t.same(plan(first, at(6 * year)), ['issue-leaf'])
  t.same(plan(first, at(7 * year)), ['announce-authority', 'issue-leaf'])
  const late = await applySteps(first, ['announce-authority', 'issue-leaf'], names, at(7 * year))
  t.same(plan(late, at(7 * year + hour)), [], 'announced long before it signs')
  t.same(plan(late, at(8.5 * year)), ['change-authority', 'issue-leaf'])
  t.same(
    plan(first, at(11 * year)),
    ['announce-authority', 'change-authority', 'issue-leaf'],
    'ended: nothing can be saved by overlap'
  )
  const saved = await applySteps(first, plan(first, at(11 * year)), names, at(11 * year))
  t.equal(bundleOfMaterial(saved, at(11 * year)).match(/BEGIN/g)?.length, 1)
  const other = await createAuthority(start)
  t.same(plan({ ...first, current: other }, start), ['issue-leaf'], 'a leaf of another authority')
})

const found = await findApiServer()
const skip = found.skip ?? false

test('rotation while reviews keep flowing', { skip, timeout: 900_000 }, async (t) => {
  if (found.programs === undefined) return
  const cluster = await startCluster(found.programs)
  t.teardown(() => cluster.stop())
  const { kube } = cluster
  const namespace = 'secco-system'
  for (const name of [namespace, 'shop']) {
    await kube.do('POST', '/api/v1/namespaces', { metadata: { name } })
  }
  const call = createApiCall(await loadKubeconfig({ files: cluster.kubeconfig }))
  const logger = createLogger('webhook', quiet)
  const secretPath = `/api/v1/namespaces/${namespace}/secrets/secco-certificates`
  const configurations = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'

  // Two replicas behind one Service would need a cluster network: two URLs in two webhooks are as good.
  const replicas: { source: CertificateSource; port: number; name: string }[] = []
  const started = await Promise.all(
    ['a', 'b'].map(async (name) => {
      const leader = new Leader({
        ...{ call, namespace, logger, name: 'secco-certificates', identity: name },
        leaseMs: 3000,
        retryMs: 300
      })
      const source = await startClusterCertificates({
        ...{ call, namespace, names, leader, logger },
        secret: 'secco-certificates',
        configuration: 'secco',
        configMap: 'secco-authority',
        everyMs: 250,
        settleMs: 4000,
        overlapMs: 6000
      })
      return { name, source }
    })
  )
  t.equal(
    started[0]?.source.current().cert,
    started[1]?.source.current().cert,
    'both serve with the same certificate, whoever came first'
  )
  const snapshot = buildSnapshot({})
  for (const { name, source } of started) {
    const server = createAdmissionServer({
      tls: source.current(),
      getSnapshot: () => snapshot,
      logger
    })
    const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
    source.onChange((pair) => server.setCertificate(pair))
    replicas.push({ source, port, name })
    t.teardown(async () => {
      await source.close()
      await server.shutdown()
    })
  }
  const configuration = patientWebhook({ target: { url: '' }, caBundle: '' })
  const [hook] = configuration.webhooks
  await kube.do('POST', configurations, {
    ...configuration,
    webhooks: replicas.map(({ port, name }) => ({
      ...hook,
      name: `${name}.secco.dev`,
      // So that a certificate that is not trusted is a failed creation, not a silent one.
      failurePolicy: 'Fail',
      clientConfig: { url: `https://127.0.0.1:${port}/mutate` }
    }))
  })
  const bundleOf = async (): Promise<string[]> => {
    const { webhooks } = await kube.do('GET', `${configurations}/secco`)
    return (webhooks as { clientConfig: { caBundle?: string } }[]).map(({ clientConfig }) =>
      Buffer.from(clientConfig.caBundle ?? '', 'base64').toString()
    )
  }
  await until('the caBundle to be there', async () => {
    const bundles = await bundleOf()
    return bundles.every((one) => one.includes('BEGIN CERTIFICATE')) ? true : undefined
  })
  const pod: Json = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'p-' },
    spec: { containers: [{ name: 'app', image: 'x' }] }
  }
  const create = () => kube.call('POST', '/api/v1/namespaces/shop/pods?dryRun=All', pod)
  await until('reviews to be answered', async () =>
    (await create()).status === 201 ? true : undefined
  )

  let [asked, failed] = [0, 0]
  let flowing = true
  const failures: string[] = []
  const flow = Promise.all(
    Array.from({ length: 4 }, async () => {
      while (flowing) {
        const answer = await create()
        asked += 1
        if (answer.status === 201) continue
        failed += 1
        failures.push(String(answer.body['message']))
      }
    })
  )
  const rotate = (what: string) =>
    kube.do(
      'PATCH',
      secretPath,
      { metadata: { annotations: { 'secco.dev/rotate': what } } },
      { contentType: 'application/merge-patch+json' }
    )
  const certs = () => replicas.map(({ source }) => source.current().cert)
  const allChanged = (before: string[]) =>
    until(
      'every replica to serve with the new one',
      () => {
        const now = certs()
        return now.every((cert, i) => cert === now[0] && cert !== before[i]) ? true : undefined
      },
      { timeoutMs: 180_000 }
    )

  for (let round = 0; round < 3; round += 1) {
    const before = certs()
    await rotate('leaf')
    await allChanged(before)
  }
  const issuer = () => new X509Certificate(certs()[0] ?? '').issuer
  for (let round = 0; round < 2; round += 1) {
    const [before, by] = [certs(), issuer()]
    await rotate('authority')
    await until('both authorities to be trusted', async () => {
      const bundles = await bundleOf()
      return bundles.every((one) => (one.match(/BEGIN/g) ?? []).length === 2) ? true : undefined
    })
    await allChanged(before)
    t.not(issuer(), by, 'another authority signs')
    await until(
      'the old authority to leave the bundle',
      async () => {
        const bundles = await bundleOf()
        return bundles.every((one) => (one.match(/BEGIN/g) ?? []).length === 1) ? true : undefined
      },
      { timeoutMs: 180_000 }
    )
  }
  // Somebody applies the manifest again, or takes the bundle away: it comes back.
  const { data } = (await kube.do(
    'GET',
    `/api/v1/namespaces/${namespace}/configmaps/secco-authority`
  )) as {
    data: Record<string, string>
  }
  t.equal(data['ca.crt'], (await bundleOf())[0], 'satellites trust the same')
  flowing = false
  await flow
  t.same(failures.slice(0, 3), [])
  t.equal(failed, 0)
  t.ok(asked > 100, 'reviews flowed')
  t.comment(`${asked} reviews by two replicas through 3 leaves and 2 authorities: ${failed} failed`)

  await t.test('a damaged authority is said and not replaced', async (t) => {
    const secret = await kube.do('GET', secretPath)
    await kube.do(
      'PATCH',
      secretPath,
      { data: { 'authority.pem': Buffer.from('broken').toString('base64') } },
      { contentType: 'application/merge-patch+json' }
    )
    await t.rejects(
      startClusterCertificates({
        ...{ call, namespace, names, logger, configuration: 'secco' },
        secret: 'secco-certificates',
        configMap: 'secco-authority'
      }),
      { code: 'CERTIFICATE_INVALID', message: /secco-certificates: authority\.pem/ }
    )
    t.equal((await create()).status, 201, 'those that serve go on')
    const { data: good } = secret as { data: Record<string, string> }
    await kube.do(
      'PATCH',
      secretPath,
      { data: good },
      { contentType: 'application/merge-patch+json' }
    )
  })
})
