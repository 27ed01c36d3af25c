import { test } from 'tap'
import { parseAllDocuments } from 'yaml'
import { nameOf } from '../../cli/install/install.js'
import { installObjects } from '../../cli/install/objects.js'
import { defaultOptions, type Layout, type Manifest } from '../../cli/install/options.js'
import { findNodePrograms } from '../helpers/api-server-programs.js'
import { freePort, start } from '../helpers/child-program.js'
import { startCluster } from '../helpers/cluster.js'
import { kubectlOf } from '../helpers/kubectl.js'
import { runSecco } from '../helpers/secco-command.js'
import { until } from '../helpers/until.js'

const found = await findNodePrograms()

/** Roles of an earlier version, by the names that they had there. */
const earlier = ['secco-edit', 'secco-approve']
  .map((name) =>
    JSON.stringify({
      ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole' },
      metadata: {
        name,
        labels: {
          'app.kubernetes.io/name': 'secco',
          'app.kubernetes.io/part-of': 'secco',
          'app.kubernetes.io/component': 'rights',
          'rbac.authorization.k8s.io/aggregate-to-edit': 'true'
        }
      },
      rules: [{ apiGroups: ['secco.dev'], resources: ['seccompprofiles'], verbs: ['update'] }]
    })
  )
  .join('\n---\n')

const kinds = [
  ...[
    'deployments',
    'daemonsets',
    'services',
    'serviceaccounts',
    'roles',
    'rolebindings',
    'secrets'
  ],
  ...['networkpolicies', 'poddisruptionbudgets', 'clusterroles', 'clusterrolebindings'],
  ...['validatingadmissionpolicies', 'validatingadmissionpolicybindings'],
  'mutatingwebhookconfigurations'
].join()

test('secco install over another installation', { skip: found.skip ?? false }, async (t) => {
  if (found.programs?.kubectl === undefined) return
  const cluster = await startCluster(found.programs)
  t.teardown(() => cluster.stop())
  const kubectl = kubectlOf(found.programs.kubectl, cluster.kubeconfig)
  const uninstall = async (...args: string[]) => {
    const kubeconfig = ['--kubeconfig', cluster.kubeconfig]
    const done = await runSecco(['uninstall', ...args, ...kubeconfig], { env: { HOME: '/' } })
    t.equal(done.code, 0, done.stderr)
    return done
  }
  const manager = start('kube-controller-manager', found.programs.controllerManager, [
    `--kubeconfig=${cluster.kubeconfig}`,
    ...['--leader-elect=false', '--bind-address=127.0.0.1', `--secure-port=${await freePort()}`],
    '--controllers=namespace-controller,garbage-collector-controller'
  ])
  t.teardown(async () => {
    manager.child.kill('SIGKILL')
    await manager.exited
  })
  const apply = async (text: string) => {
    const { code, stderr } = await kubectl(['apply', '-f', '-'], text)
    t.equal(code, 0, stderr)
  }
  const install = async (layout: Layout) => {
    const { code, stdout, stderr } = await runSecco(['install', `--${layout}`])
    t.equal(code, 0)
    t.match(stderr, `secco uninstall --leftovers ${layout} --dry-run names what it left`)
    await apply(stdout)
  }
  /** What has the label of Secco, as `Kind [namespace/]name`. */
  const present = async (): Promise<string[]> => {
    const label = ['-l', 'app.kubernetes.io/name=secco', '-A', '-o', 'yaml']
    const { stdout } = await kubectl(['get', kinds, ...label])
    const { items } = parseAllDocuments(stdout)[0]?.toJS() as { items: Manifest[] }
    return items.map(nameOf).sort()
  }
  const expected = (layout: Layout): string[] => {
    const left = new Set(['Namespace', 'CustomResourceDefinition', 'ConfigMap', 'APIService'])
    return installObjects({ ...defaultOptions, layout, image: '' })
      .filter(({ kind }) => !left.has(String(kind)))
      .map(nameOf)
      .sort()
  }
  const changes: [before: Layout, after: Layout, left: RegExp][] = [
    ['ha', 'small', /^would delete Deployment secco-system\/secco-webhook$/m],
    ['small', 'ha', /^would delete Deployment secco-system\/secco$/m]
  ]
  for (const [before, after, left] of changes) {
    await t.test(`from ${before} of an earlier version to ${after}`, async (t) => {
      await install(before)
      await apply(earlier)
      await install(after)
      const all = await present()
      const dry = await uninstall('--leftovers', after, '--dry-run')
      t.match(dry.stdout, left)
      t.match(dry.stdout, /^would delete ClusterRole secco-edit$/m)
      t.same(await present(), all, 'a dry run changes nothing')
      const done = await uninstall('--leftovers', after)
      t.equal(done.stdout, dry.stdout.replaceAll('would delete', 'delete'))
      t.same(await present(), expected(after), 'what is there is what was installed')
      const again = await uninstall('--leftovers', after)
      t.match(again, { stdout: '', stderr: /nothing is left of another installation/ })
    })
  }

  await t.test('an installation without the API of the hub over one with it', async (t) => {
    await apply((await runSecco(['install', '--ha', '--hub-api'])).stdout)
    const kept = await uninstall('--leftovers', 'ha')
    t.match(kept, { stdout: '', stderr: /nothing is left/ }, 'the hub serves it')
    const { stdout, stderr } = await runSecco(['install', '--ha'])
    t.match(stderr, /APIService v1alpha1.hub.secco.dev too/)
    await apply(stdout)
    const done = await uninstall('--leftovers', 'ha')
    t.match(done.stdout, /^delete APIService v1alpha1.hub.secco.dev$/m)
    t.same(await present(), expected('ha'))
  })

  await t.test(
    'uninstall removes what earlier versions named otherwise, and says what stays',
    async (t) => {
      await apply(earlier)
      const history = {
        ...{ apiVersion: 'v1', kind: 'ConfigMap' },
        metadata: {
          ...{ name: 'secco-history-a', namespace: 'secco-system' },
          labels: { 'secco.dev/history': 'true' }
        }
      }
      await apply(JSON.stringify(history))
      const done = await uninstall()
      t.match(done.stdout, /^delete ClusterRole secco-approve$/m)
      t.match(
        done.stderr,
        /kept: the CRDs, all profiles and rules, 1 history, namespace secco-system/
      )
      t.same(await present(), [])
      const kept = await kubectl(['-n', 'secco-system', 'get', 'configmap', 'secco-history-a'])
      t.equal(kept.code, 0)
    }
  )

  await t.test('half an installation, without its CRDs, beside a node that waits', async (t) => {
    await install('small')
    const crds = ['seccompprofiles.secco.dev', 'seccomprules.secco.dev']
    for (const what of [
      ['delete', 'crd', ...crds],
      ['-n', 'secco-system', 'delete', 'deployment', 'secco']
    ])
      t.equal((await kubectl(what)).code, 0, what.join(' '))
    const taint = { key: 'secco.dev/not-ready', effect: 'NoSchedule' }
    const other = { key: 'example.com/own', effect: 'NoSchedule' }
    await cluster.kube.do('POST', '/api/v1/nodes', {
      metadata: { name: 'n1' },
      spec: { taints: [other, taint] }
    })
    const all = await present()
    const dry = await uninstall('--all', '--dry-run')
    t.match(dry.stdout, /^would remove taint secco.dev\/not-ready of node n1$/m)
    t.same(await present(), all, 'a dry run changes nothing')
    const done = await uninstall('--all', '--timeout', '90')
    t.match(done.stdout, /^remove taint secco.dev\/not-ready of node n1$/m)
    const node = (await cluster.kube.do('GET', '/api/v1/nodes/n1')) as {
      spec: { taints: { key: string }[] }
    }
    t.same(
      node.spec.taints.filter(({ key }) => !key.startsWith('node.kubernetes.io/')),
      [other]
    )
    t.same(await present(), [])
    await until('the namespace to be gone', async () => {
      const { status } = await cluster.kube.call('GET', '/api/v1/namespaces/secco-system')
      return status === 404 ? true : undefined
    })
    const again = await uninstall('--all')
    t.equal(again.stdout, '', 'again: nothing to do')
  })
})
