import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { ensureCertificates, ensureClientLeaf } from '../../../certs/files.js'
import { loadKubeconfig } from '../../../cli/lib/open-store.js'
import { run } from '../../../cli/main.js'
import { customResourceDefinitions } from '../../../src/api/crd.js'
import { apiVersion } from '../../../src/api/names.js'
import { emergencyName } from '../../../src/seccomp/render/emergency.js'
import { openKubernetesStore } from '../../../src/store/kubernetes.js'
import { startUplink } from '../../../satellite/uplink/uplink.js'
import { localIdentity, localRights, type Rights } from '../../../webhook/access/rights.js'
import type { CheckResult } from '../../../webhook/admission/check-pod.js'
import { startWebhook } from '../../../webhook/main.js'
import { findApiServer } from '../../helpers/api-server-programs.js'
import { captureIo } from '../../helpers/captured-io.js'
import { startCluster } from '../../helpers/cluster.js'
import type { Json, Kube, KubeResponse } from '../../helpers/kube.js'
import { patientWebhook } from '../../helpers/patient-webhook.js'
import { until } from '../../helpers/until.js'
import { objectsOf, podsToCheck, web } from './pods-to-check.js'
import { collectLog, memoryInstaller, nodeStatus, quickUplink } from '../hub/rig.js'

const found = await findApiServer()
const skip = found.skip ?? false
const root = 'secco-system'
const profiles = (namespace: string) =>
  `/apis/${apiVersion}/namespaces/${namespace}/seccompprofiles`
const rules = `/apis/${apiVersion}/namespaces/${root}/seccomprules`
const merge = { contentType: 'application/merge-patch+json' }
const patience = { timeoutMs: 180_000 }

type AskRunning = (namespace: string, pod: string) => Promise<CheckResult>
type Ask = (documents: readonly Json[]) => Promise<CheckResult[]>
interface Rig {
  kube: Kube
  /** Creates a pod as a dry run. Returns what the API server answers, and the audit line of the webhook. */
  admitted: (namespace: string, pod: Json) => Promise<{ answer: KubeResponse; line: Json }>
  api: Ask
  cli: Ask
  /** Asks about a new pod of a running pod's workload. */
  running: AskRunning
}

async function startRig(t: Test): Promise<Rig> {
  if (found.programs === undefined) throw new Error('no API server')
  const cluster = await startCluster(found.programs)
  const closers: (() => Promise<void> | void)[] = [() => cluster.stop()]
  t.teardown(async () => {
    for (const close of closers.reverse()) await close()
  })
  const { kube } = cluster
  const folder = mkdtempSync(join(tmpdir(), 'secco-check-'))
  closers.push(() => rmSync(folder, { recursive: true, force: true }))
  for (const definition of Object.values(customResourceDefinitions()))
    await kube.do('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)
  for (const [name, labels] of Object.entries({
    ...{ [root]: {}, shop: {}, open: { 'secco.dev/allow-ignore': 'true' } }
  }))
    await kube.do('POST', '/api/v1/namespaces', { metadata: { name, labels } })
  await addNode(kube, 'a')
  for (const path of [profiles('shop'), rules])
    await until(`${path} to be served`, async () =>
      (await kube.call('GET', path)).status === 200 ? true : undefined
    )
  const { server } = await ensureCertificates(join(folder, 'certs'), {
    serverNames: ['localhost', '127.0.0.1']
  })
  const config = await loadKubeconfig({ files: cluster.kubeconfig })
  const store = await openKubernetesStore({ config })
  closers.push(() => store.close())
  const local = { host: '127.0.0.1', port: 0 }
  const rights: Rights = {
    kind: 'local',
    ofToken: (token, said) =>
      token === 'viewer'
        ? Promise.resolve(localIdentity('vera', 'viewer'))
        : localRights('token').ofToken(token, said)
  }
  const log = collectLog()
  const webhook = await startWebhook({
    ...{ store, certsDir: join(folder, 'certs'), revisionsDir: join(folder, 'revisions') },
    ...{ serverNames: ['localhost', '127.0.0.1'], legacyAnnotations: false, rights },
    ...{ listen: local, hubListen: local, uiListen: local, logger: log.logger },
    cluster: { config, namespace: root, id: 'one' }
  })
  closers.push(() => webhook.close())
  const { hub, ui, webhook: admission } = webhook.addresses
  const installer = memoryInstaller()
  const satellite = await startUplink({
    ...{ hub: `localhost:${hub?.port ?? 0}`, node: 'a', onRevision: installer.onRevision },
    ...{ holding: installer.holding, spoolDir: join(folder, 'spool'), timing: quickUplink },
    tls: await ensureClientLeaf(join(folder, 'certs'), 'a'),
    ...{ logger: collectLog().logger, status: () => nodeStatus }
  })
  closers.push(() => satellite.close())
  await kube.do(
    'POST',
    '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
    patientWebhook({
      target: { url: `https://127.0.0.1:${admission.port}/mutate` },
      caBundle: Buffer.from(server.ca).toString('base64')
    })
  )
  const address = `http://127.0.0.1:${ui?.port ?? 0}`
  const record = { pid: process.pid, ui: address, webhook: '', hub: '', caBundle: '' }
  writeFileSync(join(folder, 'addresses.json'), JSON.stringify(record))
  writeFileSync(join(folder, 'ui-token'), 'token')
  return { kube, ...asking(folder, address), admitted: admittedBy(kube, log.lines) }
}

function admittedBy(kube: Kube, lines: readonly Json[]): Rig['admitted'] {
  return async (namespace, pod) => {
    const before = lines.length
    const answer = await kube.call('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod)
    const line = lines.slice(before).find(({ msg }) => msg === 'admission decision')
    if (line === undefined) throw new Error(`no review: ${JSON.stringify(answer.body)}`)
    return { answer, line }
  }
}

function asking(folder: string, address: string): Pick<Rig, 'api' | 'cli' | 'running'> {
  return {
    async api(items) {
      const response = await fetch(`${address}/api/v1/rules/test`, {
        method: 'POST',
        headers: {
          'x-secco': '1',
          'content-type': 'application/json',
          authorization: 'Bearer viewer'
        },
        body: JSON.stringify({ document: JSON.stringify({ kind: 'List', items }) })
      })
      return ((await response.json()) as { items: CheckResult[] }).items
    },
    async running(namespace, pod) {
      const { io, printed, json } = captureIo()
      const words = ['--state', folder, 'check', '--pod', `${namespace}/${pod}`, '-o', 'json']
      const code = await run(words, io)
      if (code !== 0) throw new Error(printed.stderr)
      return json() as unknown as CheckResult
    },
    async cli(items) {
      const { io, printed, json } = captureIo()
      const readFile = () => Promise.resolve(JSON.stringify({ kind: 'List', items }))
      const words = ['--state', folder, 'check', '-f', '-', '-o', 'json']
      if ((await run(words, { ...io, readFile })) !== 0 || printed.stderr !== '')
        throw new Error(printed.stderr)
      return json() as unknown as CheckResult[]
    }
  }
}

async function addNode(kube: Kube, name: string): Promise<void> {
  const metadata = { name, labels: { 'kubernetes.io/os': 'linux' } }
  await kube.do('POST', '/api/v1/nodes', { metadata })
  await kube.do('PATCH', `/api/v1/nodes/${name}`, { spec: { taints: null } }, merge)
}

interface PodBody {
  spec?: {
    initContainers?: { name: string; securityContext?: Json }[]
    containers: { name: string; securityContext?: Json }[]
  }
}

/** Returns the files of Secco that the containers of an accepted pod have, by name. */
function filesOf({ spec }: PodBody): [string, string][] {
  const all = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]
  return all.flatMap(({ name, securityContext }) => {
    const { localhostProfile = '' } = (securityContext?.['seccompProfile'] ?? {}) as {
      localhostProfile?: string
    }
    return localhostProfile.startsWith('secco/') ? [[name, localhostProfile]] : []
  })
}

/** Returns the parts of a result that the audit line of the webhook has too. */
const decisionOf = ({ decision, reason, containers }: CheckResult): unknown => ({
  ...{ decision, reason },
  containers: containers.map((one) => {
    const { container: name, kind, outcome, reason: why, rule, profile, mode, revision } = one
    const { loosening } = one
    return { name, kind, outcome, reason: why, rule, profile, mode, revision, loosening }
  })
})

async function compareAll(t: Test, { admitted, api, cli }: Rig, when: string): Promise<void> {
  const documents = podsToCheck.map((row) => objectsOf(row).document)
  const results = await api(documents)
  t.equal(results.length, podsToCheck.length)
  t.strictSame(await cli(documents), results, `${when}: command and API`)
  for (const [at, row] of podsToCheck.entries()) {
    const what = `${when}: ${row.what}`
    const result = results[at] as CheckResult
    const { namespace, pod } = objectsOf(row)
    const { answer, line } = await admitted(namespace, pod)
    const { decision, reason, containers } = line
    t.equal(answer.status, result.allowed ? 201 : 403, what)
    // Absent members are undefined in one of the two.
    t.strictSame(
      JSON.parse(JSON.stringify(decisionOf(result))),
      { decision, reason, containers },
      `${what}: the decision`
    )
    if (!result.allowed) {
      t.match(String(answer.body['message']), result.warnings[0] ?? 'a message', what)
      continue
    }
    t.strictSame(answer.warnings, result.warnings, `${what}: warnings`)
    t.strictSame(
      filesOf(answer.body as PodBody),
      result.containers.flatMap(({ container, localhostProfile }) =>
        localhostProfile === undefined ? [] : [[container, localhostProfile]]
      ),
      `${what}: files`
    )
  }
}

/** Compares what is decided about a new pod of each running pod's workload with what admission decides about one. */
async function compareRunning(t: Test, { kube, admitted, running }: Rig): Promise<void> {
  let certain = 0
  for (const [at, row] of podsToCheck.entries()) {
    const { namespace, pod } = objectsOf(row)
    // Only a kubelet can be in the place of the one of a node that a pod names.
    const name = `web-${at}`
    const own = { ...pod, metadata: { ...(pod['metadata'] as Json), name } }
    const created = await kube.call('POST', `/api/v1/namespaces/${namespace}/pods`, own)
    const { line } = await admitted(namespace, pod)
    if (created.status !== 201) continue
    const result = await until(
      'the hub to know the pod',
      () => running(namespace, name).catch(() => undefined),
      patience
    )
    await kube.do('DELETE', `/api/v1/namespaces/${namespace}/pods/${name}?gracePeriodSeconds=0`)
    if (result.unknown.length > 0) {
      t.equal(result.coverage, 'unknown', row.what)
      continue
    }
    certain += 1
    const { decision, reason, containers } = line
    t.strictSame(
      JSON.parse(JSON.stringify(decisionOf(result))),
      { decision, reason, containers },
      `${row.what}: running`
    )
  }
  t.ok(certain >= 12, `${certain} pods are compared`)
}

const profile = (name: string, action: string, ...names: string[]): Json => ({
  ...{ apiVersion, kind: 'SeccompProfile', metadata: { name } },
  spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names, action }] } }
})
const rule = (name: string, spec: Json): Json => ({
  ...{ apiVersion, kind: 'SeccompRule', metadata: { name } },
  spec: { podSelector: { matchLabels: { app: name } }, mode: 'enforce', ...spec }
})
const given = { profile: { namespace: 'shop', name: 'web.app' } }
const dead = ['NoSchedule', 'NoExecute'].map((effect) => ({
  ...{ key: 'node.kubernetes.io/unreachable', effect }
}))

test('secco check, the API and admission decide alike', { skip, timeout: 1_150_000 }, async (t) => {
  const rig = await startRig(t)
  const { kube, admitted } = rig
  await kube.do(
    'POST',
    profiles('shop'),
    profile('web.app', 'SCMP_ACT_ALLOW', 'read', 'write', 'getsid')
  )
  await kube.do('POST', rules, rule('web', given))
  await kube.do('POST', rules, rule('strict', { ...given, whenNotReady: 'Deny' }))
  await kube.do('POST', rules, rule('new', { mode: 'learn' }))

  const probe = objectsOf({ what: 'probe', labels: web })
  let last = ''
  const untilFile = (isGiven: (file: string) => boolean) =>
    until(
      'admission to know of it',
      async () => {
        const { answer } = await admitted('shop', probe.pod)
        const file = filesOf(answer.body)[0]?.[1] ?? ''
        if (!isGiven(file)) return undefined
        last = file === '' ? last : file
        return true
      },
      patience
    )
  const late = (spec: Json) => kube.do('PATCH', '/api/v1/nodes/late', { spec }, merge)
  const table: [when: string, make: () => Promise<unknown>, isGiven: (file: string) => boolean][] =
    [
      ['every node has the file', () => Promise.resolve(), (file) => file !== ''],
      ['a node lacks it', () => addNode(kube, 'late'), (file) => file === ''],
      ['that node is dead', () => late({ taints: dead }), (file) => file !== ''],
      // Every pod tolerates such a node for some minutes.
      ['it takes pods again', () => late({ taints: dead.slice(1) }), (file) => file === ''],
      ['it is cordoned', () => late({ taints: null, unschedulable: true }), (file) => file !== ''],
      [
        'an emergency block',
        () => kube.do('POST', profiles(root), profile(emergencyName, 'SCMP_ACT_ERRNO', 'getsid')),
        (file) => file !== '' && file !== last
      ]
    ]
  for (const [when, make, isGiven] of table) {
    await make()
    await untilFile(isGiven)
    await compareAll(t, rig, when)
    if (when === 'every node has the file') await compareRunning(t, rig)
  }
})
