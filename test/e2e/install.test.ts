import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { parseAllDocuments } from 'yaml'
import { installObjects } from '../../cli/install/objects.js'
import { defaultOptions, type Manifest } from '../../cli/install/options.js'
import { pathOf } from '../../cli/install/installed-objects.js'
import { findNodePrograms } from '../helpers/api-server-programs.js'
import { freePort, start } from '../helpers/child-program.js'
import { startCluster } from '../helpers/cluster.js'
import { runs } from '../helpers/fuzz.js'
import type { Json } from '../helpers/kube.js'
import { kubectlOf } from '../helpers/kubectl.js'
import { repositoryRoot } from '../helpers/repository.js'
import { runSecco } from '../helpers/secco-command.js'
import { until } from '../helpers/until.js'

const found = await findNodePrograms()
const skip = found.skip ?? false

const documentsOf = (text: string): Manifest[] =>
  parseAllDocuments(text).map((one) => one.toJS() as Manifest)
const byPath = (objects: readonly Manifest[]) =>
  Object.fromEntries(objects.map((one) => [pathOf(one), one]))

interface PodTemplate {
  template: { metadata: Json; spec: Json & { containers: Json[]; volumes: Json[] } }
}
const templateOf = (objects: readonly Manifest[], name: string) => {
  const one = objects.find(({ metadata, kind }) => {
    return (metadata as Json)['name'] === name && ['Deployment', 'DaemonSet'].includes(String(kind))
  })
  return (one as unknown as { spec: PodTemplate }).spec.template
}

const ready = (status: string, reason: string) => ({
  ...{ type: 'Ready', status, reason, message: 'of a test' },
  lastTransitionTime: '2026-01-01T00:00:00Z'
})
const quiet = { ...ready('False', 'AuditQuiet'), type: 'WouldDeny' }

test('secco install and uninstall', { skip, timeout: 1_500_000 }, async (t) => {
  if (found.programs?.kubectl === undefined) return
  const cluster = await startCluster(found.programs)
  t.teardown(() => cluster.stop())
  const { kube } = cluster
  const kubectl = kubectlOf(found.programs.kubectl, cluster.kubeconfig)
  const secco = (...args: string[]) =>
    runSecco([...args, '--kubeconfig', cluster.kubeconfig], { env: { HOME: '/nonexistent' } })
  // Namespaces end by its hand.
  const manager = start('kube-controller-manager', found.programs.controllerManager, [
    `--kubeconfig=${cluster.kubeconfig}`,
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
    `--secure-port=${await freePort()}`,
    '--controllers=namespace-controller,garbage-collector-controller'
  ])
  t.teardown(async () => {
    manager.child.kill('SIGKILL')
    await manager.exited
  })

  const printed = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runSecco(['install', ...args])
    t.equal(code, 0, stderr)
    t.match(stderr, /objects?: \d+ in namespace secco-system/)
    return stdout
  }

  await t.test('kustomize gives what the command prints', async (t) => {
    for (const layout of ['small', 'ha']) {
      const built = await kubectl(['kustomize', join(repositoryRoot, 'manifests/overlays', layout)])
      t.equal(built.code, 0, built.stderr)
      t.same(
        byPath(documentsOf(built.stdout)),
        byPath(documentsOf(await printed(`--${layout}`))),
        layout
      )
    }
    const { stdout, stderr, code } = await runSecco(['install', '--dry-run', '--mode', 'enforce'])
    t.match({ stdout, code }, { stdout: '', code: 0 })
    t.match(
      stderr,
      /DaemonSet as root with BPF, PERFMON, SYS_PTRACE, DAC_READ_SEARCH, hostPID, not privileged/
    )
    t.match((await runSecco(['install', '--ha', '--small'])).stderr, /exclude each other/)
  })

  await t.test('the component for monitoring joins an overlay', async (t) => {
    const folder = join(repositoryRoot, 'build/kustomize-monitoring')
    mkdirSync(folder, { recursive: true })
    const manifests = '../../manifests'
    const file = {
      ...{ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' },
      resources: [`${manifests}/overlays/ha`],
      components: [`${manifests}/components/monitoring`]
    }
    writeFileSync(join(folder, 'kustomization.yaml'), JSON.stringify(file))
    const built = await kubectl(['kustomize', folder])
    t.equal(built.code, 0, built.stderr)
    const before = installObjects({ ...defaultOptions, layout: 'ha', image: 'secco:test' })
    const added = Object.entries(byPath(documentsOf(built.stdout)))
      .filter(([path]) => !(path in byPath(before)))
      .map(([, one]) => one)
    const nameOf = ({ kind, metadata }: Manifest) =>
      `${String(kind)} ${String((metadata as Json)['name'])}`
    t.same(added.map(nameOf).sort(), [
      'ConfigMap secco-dashboard',
      'PrometheusRule secco',
      'Service secco-metrics',
      'Service secco-satellite-metrics',
      'ServiceMonitor secco-metrics',
      'ServiceMonitor secco-satellite-metrics'
    ])
    const strict = '?dryRun=All&fieldValidation=Strict'
    for (const one of added.filter(({ kind }) => ['Service', 'ConfigMap'].includes(String(kind)))) {
      const plural = one['kind'] === 'Service' ? 'services' : 'configmaps'
      const path = `/api/v1/namespaces/default/${plural}${strict}`
      const metadata = { ...(one['metadata'] as Json), namespace: 'default' }
      t.equal((await kube.call('POST', path, { ...one, metadata })).status, 201, nameOf(one))
    }
  })

  await t.test('what is asked for is little, and the API server agrees', async (t) => {
    for (const layout of ['small', 'ha'] as const) {
      const options = { ...defaultOptions, layout, image: 'secco:test' }
      const objects = installObjects(options)
      const text = JSON.stringify(objects)
      t.notMatch(text, /"privileged":true|"hostNetwork":true|"hostIPC":true|"finalizers":/)
      const paths = templateOf(objects, 'secco-satellite').spec.volumes.flatMap(
        ({ hostPath }) => (hostPath as { path: string } | undefined)?.path ?? []
      )
      t.same(paths.sort(), [
        '/run/containerd',
        '/sys/fs/bpf',
        '/sys/fs/cgroup',
        '/var/lib/kubelet/seccomp',
        '/var/lib/kubelet/seccomp/secco/_own',
        '/var/lib/secco'
      ])
    }
    await kube.do('POST', '/api/v1/namespaces', {
      metadata: {
        name: 'restricted',
        labels: { 'pod-security.kubernetes.io/enforce': 'restricted' }
      }
    })
    const options = { ...defaultOptions, layout: 'ha', image: 'secco:test' } as const
    for (const [name, ownProfiles, status] of [
      ['secco-webhook', false, 201],
      ['secco-hub', false, 201],
      // The rule of the namespace does reject what is not restricted.
      ['secco-satellite', false, 403],
      ['secco-webhook', true, 403],
      ['secco-hub', true, 403]
    ] as const) {
      const objects = installObjects({ ...options, ownProfiles })
      const { metadata, spec } = templateOf(objects, name)
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name }, spec }
      // Priority classes of the system are for some namespaces only.
      Reflect.deleteProperty(pod.spec, 'priorityClassName')
      const answer = await kube.call('POST', '/api/v1/namespaces/restricted/pods?dryRun=All', pod)
      const message = String(answer.body['message'])
      t.equal(answer.status, status, `${name}: ${message}`)
      if (!ownProfiles) continue
      t.match(message, /volume "own-profiles" .*hostPath.*container "own-profile" .*runAsUser=0/)
      t.notMatch(message, /container "secco"/, 'the program itself asks for nothing more')
    }
  })

  const install = async (...args: string[]): Promise<void> => {
    const applied = await kubectl(['apply', '-f', '-'], await printed(...args))
    t.equal(applied.code, 0, applied.stderr)
  }

  await t.test('least privilege', async (t) => {
    await install('--ha')
    const can = async (account: string, ...what: string[]): Promise<boolean> => {
      const as = `--as=system:serviceaccount:secco-system:${account}`
      const { stdout } = await kubectl(['auth', 'can-i', ...what, as])
      return stdout.trim() === 'yes'
    }
    const n = ['-n', 'secco-system']
    const table: [account: string, what: string[], allowed: boolean][] = [
      ['secco-satellite', ['list', 'pods', '-A'], false],
      ['secco-satellite', ['get', 'seccompprofiles', '-A'], false],
      ['secco-satellite', ['get', 'secret/secco-certificates', ...n], false],
      ['secco-webhook', ['list', 'seccomprules', '-A'], true],
      ['secco-webhook', ['list', 'pods', '-A'], false],
      ['secco-webhook', ['update', 'seccompprofiles', '-A'], false],
      ['secco-webhook', ['patch', 'mutatingwebhookconfigurations/secco'], true],
      ['secco-webhook', ['patch', 'mutatingwebhookconfigurations/other'], false],
      ['secco-webhook', ['get', 'secret/secco-certificates', ...n], true],
      ['secco-webhook', ['get', 'secret/other', ...n], false],
      ['secco-webhook', ['get', 'secret/secco-certificates', '-n', 'default'], false],
      ['secco-hub', ['list', 'pods', '-A'], true],
      ['secco-hub', ['get', 'pods', '--subresource=log', '-A'], false],
      ['secco-hub', ['create', 'pods', '-A'], false],
      ['secco-hub', ['create', 'tokenreviews'], true],
      ['secco-hub', ['create', 'subjectaccessreviews'], true],
      ['secco-hub', ['patch', 'nodes'], true],
      ['secco-hub', ['update', 'seccompprofiles', '--subresource=status', '-A'], true],
      ['secco-hub', ['update', 'secret/secco-certificates', ...n], false],
      ['secco-hub', ['update', 'secret/secco-sessions', ...n], true],
      ['secco-hub', ['create', 'secrets', ...n], false],
      ['secco-webhook', ['get', 'secret/secco-sessions', ...n], false],
      ['secco-hub', ['patch', 'mutatingwebhookconfigurations/secco'], false],
      ['secco-hub', ['approve', 'seccompprofiles', '-A'], false],
      ['secco-hub', ['promote', 'seccompprofiles', '-A'], true],
      ['secco-webhook', ['approve', 'seccompprofiles', '-A'], false]
    ]
    for (const [account, what, allowed] of table) {
      t.equal(await can(account, ...what), allowed, `${account}: ${what.join(' ')}`)
    }
    await install('--ha', '--startup-taint', 'off')
    t.equal(await can('secco-hub', 'patch', 'nodes'), false, 'only for the start-up taint')
    await install('--ha')
  })

  await t.test('the hub may only remove the start-up taint from a node', async (t) => {
    const taint = { key: 'secco.dev/not-ready', effect: 'NoSchedule' }
    const other = { key: 'other', value: 'x', effect: 'NoSchedule' }
    const metadata = { name: 'n1', labels: { zone: 'a' } }
    await kube.do('POST', '/api/v1/nodes', { metadata, spec: { taints: [other, taint] } })
    const patch = async (account: string, body: object) => {
      const as = `--as=system:serviceaccount:secco-system:${account}`
      const json = ['--type=json', '-p', JSON.stringify(body)]
      return kubectl(['patch', 'node', 'n1', as, '--dry-run=server', ...json])
    }
    const replace = (path: string, value: unknown) => [{ op: 'replace', path, value }]
    const wrong = {
      'a label': replace('/metadata/labels/zone', 'b'),
      'a new annotation': [{ op: 'add', path: '/metadata/annotations', value: { a: 'b' } }],
      'an owner': [
        {
          ...{ op: 'add', path: '/metadata/ownerReferences' },
          value: [{ apiVersion: 'v1', kind: 'Node', name: 'gone', uid: 'u1' }]
        }
      ],
      cordon: [{ op: 'add', path: '/spec/unschedulable', value: true }],
      'a further taint': [{ op: 'add', path: '/spec/taints/-', value: { ...other, key: 'b' } }],
      "another's taint": [{ op: 'remove', path: '/spec/taints/0' }],
      'another value': replace('/spec/taints/0/value', 'y'),
      'all taints': [{ op: 'remove', path: '/spec/taints' }],
      'a provider': [{ op: 'add', path: '/spec/providerID', value: 'aws:///x' }]
    }
    // The API server applies a policy a moment after it is created.
    await until('the policy', async () => {
      const { code } = await patch('secco-hub', wrong.cordon)
      return code === 0 ? undefined : true
    })
    for (const [name, body] of Object.entries(wrong)) {
      const { code, stderr } = await patch('secco-hub', body)
      t.equal(code, 1, name)
      t.match(
        stderr,
        /Secco's hub may only remove the taint secco\.dev\/not-ready from a node/,
        name
      )
    }
    const removed = await patch('secco-hub', [{ op: 'remove', path: '/spec/taints/1' }])
    t.equal(removed.code, 0, removed.stderr)
    await kube.do('DELETE', '/api/v1/nodes/n1')
  })

  await t.test('applying again leaves the caBundle, and pods are never blocked', async (t) => {
    const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/secco'
    const first = (await kube.do('GET', path))['webhooks'] as Json[]
    t.notOk('caBundle' in (first[0]?.['clientConfig'] as Json))
    await kube.do(
      'PATCH',
      `${path}?fieldManager=secco-certificates&force=true`,
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'MutatingWebhookConfiguration',
        metadata: { name: 'secco' },
        webhooks: [
          {
            name: 'pods.secco.dev',
            clientConfig: { caBundle: Buffer.from(cluster.caPem).toString('base64') }
          }
        ]
      },
      { contentType: 'application/apply-patch+yaml' }
    )
    await install('--mode', 'enforce')
    const hooks = (await kube.do('GET', path))['webhooks'] as Json[]
    t.match(hooks[0], { clientConfig: { caBundle: /^LS0t/, service: { name: 'secco-webhook' } } })
    await kube.do('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', labels: { 'secco.dev/profile': 'web' } },
      spec: { containers: [{ name: 'app', image: 'x' }] }
    }
    const answer = await kube.call('POST', '/api/v1/namespaces/shop/pods', pod)
    t.equal(answer.status, 201, 'nobody answers, and it is created all the same')
  })

  /** What `secco get` says of a hub that does not run. */
  async function noteOfHub(t: Test): Promise<void> {
    const noteWith = async (spec: object | undefined) => {
      const lease = {
        ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', spec },
        metadata: { namespace: 'secco-system', name: 'secco-hub' }
      }
      if (spec !== undefined) await kubectl(['apply', '-f', '-'], JSON.stringify(lease))
      const listed = await secco('get', 'profiles', '-n', 'secco-system')
      t.match(listed.stdout, 'kept')
      return listed.stderr
    }
    t.match(
      await noteWith(undefined),
      /^note: no hub runs in this cluster: this list may be out of date\n {2}next: kubectl/
    )
    const old = '2026-01-02T03:04:05.000000Z'
    t.match(
      await noteWith({ renewTime: old }),
      'no hub has run in this cluster since 2026-01-02T03:04:05Z'
    )
    const now = new Date().toISOString().replace('Z', '000Z')
    t.equal(await noteWith({ renewTime: now }), '')
  }

  await t.test(
    'uninstall keeps profiles, says what it would do, and waits for nobody',
    async (t) => {
      const profile = {
        apiVersion: 'secco.dev/v1alpha1',
        kind: 'SeccompProfile',
        metadata: { namespace: 'secco-system', name: 'kept' },
        spec: {}
      }
      await until('profiles to be served', async () => {
        const made = await kubectl(['apply', '-f', '-'], JSON.stringify(profile))
        return made.code === 0 ? true : undefined
      })
      const status = { conditions: [ready('True', 'AllNodesReady'), quiet] }
      await kubectl([
        ...['-n', 'secco-system', 'patch', 'seccompprofile', 'kept', '--subresource', 'status'],
        ...['--type', 'merge', '-p', JSON.stringify({ status })]
      ])
      const conditionsOf = async () => {
        const { stdout } = await kubectl([
          ...['-n', 'secco-system', 'get', 'seccompprofile', 'kept', '-o', 'json']
        ])
        return (JSON.parse(stdout) as { status: typeof status }).status.conditions
      }
      t.equal((await conditionsOf()).length, 2)
      await noteOfHub(t)
      const dry = await secco('uninstall', '--dry-run')
      t.equal(dry.code, 0, dry.stderr)
      t.match(dry.stdout, '\nwould make Ready unknown on 1 profile of secco.dev\n')
      t.match(dry.stdout, /^would delete MutatingWebhookConfiguration secco\n/, 'first of all')
      t.notMatch(dry.stdout, /CustomResourceDefinition|^would delete Namespace/m)
      t.equal((await kubectl(['get', 'mutatingwebhookconfiguration', 'secco'])).code, 0)
      const done = await secco('uninstall')
      t.equal(done.code, 0, done.stderr)
      t.match(done.stdout, /^delete MutatingWebhookConfiguration secco\n/)
      t.match(done.stderr, /kept: the CRDs, all profiles and rules, namespace secco-system/)
      t.match(done.stdout, '\nmake Ready unknown on 1 profile of secco.dev\n')
      const [gone, kept] = await conditionsOf()
      t.match(gone, { type: 'Ready', status: 'Unknown', reason: 'Uninstalled' })
      t.not(gone?.lastTransitionTime, quiet.lastTransitionTime)
      t.same(kept, quiet, 'every other condition stays as it was')
      t.equal((await secco('uninstall')).stdout, '', 'again: nothing to do')
    }
  )

  /** Everything of ours that any API serves. */
  async function leftovers(): Promise<string[]> {
    const { stdout } = await kubectl(['api-resources', '--verbs=list', '-o', 'name'])
    const kinds = stdout.split('\n').filter((name) => name !== '' && !/^events(\.|$)/.test(name))
    const said = await kubectl(['get', kinds.join(','), '-A', '-o', 'name', '--ignore-not-found'])
    return said.stdout.split('\n').filter((line) => line.includes('secco'))
  }

  await t.test('again and again: nothing left, nothing hanging', async (t) => {
    t.ok((await leftovers()).length > 0, 'the search finds what is there')
    await secco('uninstall', '--all')
    const times: number[] = []
    for (let round = 0; round < runs(2); round += 1) {
      const began = Date.now()
      await install(round % 2 === 0 ? '--small' : '--ha')
      const done = await secco('uninstall', '--all', '--timeout', '90')
      t.equal(done.code, 0, `${round}: ${done.stderr}`)
      t.same(await leftovers(), [], `round ${round}`)
      times.push(Date.now() - began)
    }
    t.comment(`rounds: ${times.map((ms) => (ms / 1000).toFixed(1)).join(' ')} s each`)
  })

  await t.test('what somebody else holds is named and holds nothing else up', async (t) => {
    await install('--small')
    await kube.do(
      'PATCH',
      '/api/v1/namespaces/secco-system/services/secco-hub',
      { metadata: { finalizers: ['example.com/held'] } },
      { contentType: 'application/merge-patch+json' }
    )
    const done = await secco('uninstall', '--timeout', '2')
    t.equal(done.code, 1)
    t.match(done.stderr, /still there: Service secco-system\/secco-hub \(UNAVAILABLE\)/)
    t.match(done.stdout, /delete ClusterRole secco-approver/, 'the rest is gone')
    await kube.do(
      'PATCH',
      '/api/v1/namespaces/secco-system/services/secco-hub',
      { metadata: { finalizers: null } },
      { contentType: 'application/merge-patch+json' }
    )
  })
})

test('every generated file of manifests/ is listed by a kustomization', (t) => {
  for (const folder of ['base', 'overlays/small', 'overlays/ha']) {
    const path = join(repositoryRoot, 'manifests', folder)
    t.ok(readdirSync(path).includes('kustomization.yaml'), folder)
  }
  t.end()
})
