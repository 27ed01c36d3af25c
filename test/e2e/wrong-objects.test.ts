import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import type { Condition } from '../../src/api/seccomp-profile.js'
import { findApiServer } from '../helpers/api-server-programs.js'
import type { Json } from '../helpers/kube.js'
import { kubectlOf } from '../helpers/kubectl.js'
import { shippedAdmission, startShippedCluster } from '../helpers/shipped-cluster.js'
import { until } from '../helpers/until.js'
import { startWebhookProgram } from '../helpers/webhook-program.js'
import {
  markedObjects,
  neededObjects,
  rejectedObjects,
  warnedPods
} from '../helpers/wrong-objects.js'

const found = await findApiServer()
const kubectlPath = found.programs?.kubectl
const skip = found.skip ?? (kubectlPath === undefined ? 'no kubectl beside the API server' : false)

interface Marked {
  status?: { conditions?: Condition[] }
}

test('a wrong object is rejected, or its status or a warning says so', {
  skip,
  timeout: 600_000
}, async (t) => {
  if (found.programs === undefined || kubectlPath === undefined) return
  const { cluster, create } = await startShippedCluster(found.programs, {
    'secco-system': {},
    bank: {},
    shop: {}
  })
  t.teardown(() => cluster.stop())
  const folder = await mkdtemp(join(tmpdir(), 'secco-wrong-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const kubectl = kubectlOf(kubectlPath, cluster.kubeconfig)
  const state = join(folder, 'state')
  const hub = await startWebhookProgram(state, '--kubeconfig', cluster.kubeconfig)
  t.teardown(() => hub.stop())
  const addresses = JSON.parse(await readFile(join(state, 'addresses.json'), 'utf8')) as {
    webhook: string
    caBundle: string
  }
  const { configurationFor } = shippedAdmission('warn')
  const configuration = configurationFor(`${addresses.webhook}/mutate`, addresses.caBundle)
  await cluster.kube.do(
    'POST',
    '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
    configuration
  )

  await t.test('objects that are rejected', async (t) => {
    for (const [what, document, said] of rejectedObjects) {
      const answer = await kubectl(['apply', '-f', '-'], document)
      t.not(answer.code, 0, what)
      t.match(answer.stderr, said, what)
    }
  })

  await t.test('objects that are not in force', async (t) => {
    for (const document of [...neededObjects, ...markedObjects.map(([, one]) => one)]) {
      const { code, stderr } = await kubectl(['apply', '-f', '-'], document)
      t.equal(code, 0, stderr)
    }
    const containers = [{ name: 'app', image: 'web:1' }]
    const metadata = { name: 'web', labels: { app: 'web' } }
    await create('shop', { metadata, spec: { containers } }, '')
    for (const [what, document, condition] of markedObjects) {
      const { kind, metadata } = JSON.parse(document) as Json & {
        kind: string
        metadata: { namespace: string; name: string }
      }
      const { namespace, name } = metadata
      const path = `/apis/secco.dev/v1alpha1/namespaces/${namespace}/${kind.toLowerCase()}s/${name}`
      const told = await until(
        `${what}: ${condition.source}`,
        async (note) => {
          const { status } = (await cluster.kube.do('GET', path)) as Marked
          const lines = (status?.conditions ?? []).map(
            (one) => `${one.type} ${one.status} ${one.reason} ${one.message}`
          )
          note(lines)
          return lines.find((line) => condition.test(line))
        },
        { timeoutMs: 60_000, everyMs: 200 }
      ).catch((error: unknown) => String(error))
      t.match(told, condition, what)
    }
  })

  await t.test('pods with wrong labels and annotations', async (t) => {
    for (const [what, labels, seccompProfile, said] of warnedPods) {
      const own = seccompProfile === undefined ? {} : { securityContext: { seccompProfile } }
      const containers = [{ name: 'app', image: 'web:1', ...own }]
      const pod = { metadata: { name: 'one', labels }, spec: { containers } }
      const { warnings, body } = await create('bank', pod)
      t.match([...warnings, JSON.stringify(body['message'])].join('\n'), said, what)
    }
  })
  t.ok(rejectedObjects.length + markedObjects.length + warnedPods.length >= 40)
})
