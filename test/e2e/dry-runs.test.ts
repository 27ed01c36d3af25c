import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { findNodePrograms } from '../helpers/api-server-programs.js'
import { freePort, start } from '../helpers/child-program.js'
import { startCluster } from '../helpers/cluster.js'
import { kubectlOf } from '../helpers/kubectl.js'
import { allObjects, newIn } from '../helpers/kubernetes/all-objects.js'
import { runSecco } from '../helpers/secco-command.js'
import { until } from '../helpers/until.js'
import { startWebhookProgram } from '../helpers/webhook-program.js'

const found = await findNodePrograms()
const skip = found.skip ?? false
const root = 'secco-system'
/** What the programs keep up to date all the time; histories come with changes, as `install --dry-run` says. */
const keptByPrograms = /^(?:Lease|ConfigMap) secco-system\/secco-/

/** Returns the objects that `secco install --dry-run` names: those of the installation, and those of its programs. */
function namedByInstall(stderr: string): { objects: string[]; ofPrograms: string[] } {
  const lines = stderr.split('\n')
  const start = lines.findIndex((line) => /^\d+ objects?: /.test(line))
  const middle = lines.findIndex((line) => line.startsWith('made by the programs'))
  const namesAfter = (at: number): string[] => {
    const rest = lines.slice(at + 1)
    const end = rest.findIndex((line) => !line.startsWith('  '))
    return rest.slice(0, end).map((line) => line.trim())
  }
  return { objects: namesAfter(start).sort(), ofPrograms: namesAfter(middle).sort() }
}

/** Returns what a dry run says of a rule that would be made. */
const created = (name: string): RegExp => {
  const [, namespace = '', rule = ''] = /^SeccompRule (.*)\/(.*)$/.exec(name) ?? []
  return new RegExp(`^seccomprule.secco.dev/${rule} would be created in ${namespace}\\b`)
}

/** Returns the objects after these words, line by line. */
const namedAfter = (stdout: string, words: string): string[] =>
  stdout
    .split('\n')
    .filter((line) => line.startsWith(`${words} `))
    .map((line) => line.slice(words.length + 1).replace(/^(\S+ \S+) .*$/, '$1'))
    .sort()

test('dry runs name each object that the real run makes or removes', {
  skip,
  timeout: 600_000
}, async (t) => {
  if (found.programs?.kubectl === undefined) return
  const cluster = await startCluster(found.programs)
  t.teardown(() => cluster.stop())
  const { kube, kubeconfig } = cluster
  const kubectl = kubectlOf(found.programs.kubectl, kubeconfig)
  const program = found.programs.kubectl
  const objects = () => allObjects(program, kubeconfig)
  const secco = (...args: string[]) =>
    runSecco([...args, '--kubeconfig', kubeconfig], { env: { HOME: '/nonexistent' } })
  const manager = start('kube-controller-manager', found.programs.controllerManager, [
    ...[`--kubeconfig=${kubeconfig}`, '--leader-elect=false', '--bind-address=127.0.0.1'],
    `--secure-port=${await freePort()}`,
    '--controllers=namespace-controller,garbage-collector-controller'
  ])
  t.teardown(async () => {
    manager.child.kill('SIGKILL')
    await manager.exited
  })
  const apply = async (text: string): Promise<void> => {
    const { code, stderr } = await kubectl(['apply', '-f', '-'], text)
    if (code !== 0) throw new Error(stderr)
  }

  /** Installs, and compares what is there afterwards with what the dry run named. */
  async function install(t: Test, ...options: string[]): Promise<string[]> {
    const dry = await runSecco(['install', ...options, '--dry-run'])
    t.match({ stdout: dry.stdout, code: dry.code }, { stdout: '', code: 0 })
    const named = namedByInstall(dry.stderr)
    const before = await objects()
    await apply((await runSecco(['install', ...options])).stdout)
    const made = newIn(before, await objects())
    t.ok(made.length > 30, `${made.length} objects`)
    // What the installation before left is there already.
    t.strictSame(
      made,
      named.objects.filter((one) => !before.has(one))
    )
    return named.ofPrograms
  }

  /** Uninstalls, and compares what is gone afterwards with what the dry run named. */
  async function uninstall(t: Test, ...options: string[]): Promise<void> {
    const before = await objects()
    const dry = await secco('uninstall', ...options, '--dry-run')
    t.equal(dry.code, 0, dry.stderr)
    t.strictSame(newIn(before, await objects()), [], 'a dry run makes nothing')
    const real = await secco('uninstall', ...options, '--timeout', '20')
    t.equal(real.code, 0, real.stderr)
    const after = await objects()
    const removed = newIn(after, before)
    const created = namedAfter(dry.stdout, 'would create')
    const deleted = namedAfter(dry.stdout, 'would delete')
    t.ok(removed.length > 30, `${removed.length} objects`)
    t.strictSame(
      removed,
      deleted.filter((one) => !created.includes(one))
    )
    for (const words of ['create', 'delete', 'make', 'remove'])
      t.strictSame(namedAfter(dry.stdout, `would ${words}`), namedAfter(real.stdout, words), words)
  }

  const pathOfProfile = '/apis/secco.dev/v1alpha1/namespaces/shop/seccompprofiles'
  await t.test('install, changes and uninstall of what ran', async (t) => {
    const ofPrograms = await install(t, '--small')
    await kube.do('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
    const before = await objects()
    const folder = t.testdir()
    const state = join(folder, 'state')
    const webhook = await startWebhookProgram(
      ...([state, '--kubeconfig', kubeconfig, '--roles', 'admission,hub,ui'] as const),
      ...['--tls-secret', `${root}/secco-certificates`]
    )
    try {
      await until('the programs to have made their objects', async () => {
        const made = newIn(before, await objects())
        return ofPrograms.every((one) => made.includes(one)) ? true : undefined
      })
      const made = newIn(before, await objects())
      t.strictSame(
        made.filter((one) => !one.includes('/secco-history-')),
        ofPrograms
      )
      await changes(t, folder, webhook.token)
    } finally {
      await webhook.stop()
    }
    // A satellite on a node that has no kubelet: nobody cleans it.
    await kube.do('POST', '/api/v1/nodes', { metadata: { name: 'n1' } })
    await kube.do('POST', `/api/v1/namespaces/${root}/pods`, {
      metadata: {
        name: 'secco-satellite-1',
        labels: { 'app.kubernetes.io/instance': 'secco-satellite' }
      },
      spec: { nodeName: 'n1', containers: [{ name: 'secco', image: 'x' }] }
    })
    await uninstall(t)
    t.ok((await objects()).has('SeccompProfile shop/web'), 'profiles stay')
    const now = '?gracePeriodSeconds=0'
    await kube.do('DELETE', `/api/v1/namespaces/${root}/pods/secco-satellite-1${now}`)
  })

  /** Approves, assigns and promotes, each first as a dry run. */
  async function changes(t: Test, folder: string, token: string): Promise<void> {
    const near = join(folder, 'near')
    await mkdir(near)
    await copyFile(join(folder, 'state/addresses.json'), join(near, 'addresses.json'))
    await writeFile(join(near, 'ui-token'), cluster.token, { mode: 0o600 })
    t.not(token, '')
    await kube.do('POST', pathOfProfile, {
      ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { name: 'web' } },
      spec: { workload: { kind: 'Deployment', name: 'web', container: 'app' } }
    })
    await kube.do(
      'PATCH',
      `${pathOfProfile}/web/status`,
      { status: { observed: { x86_64: ['getsid', 'read'] } } },
      { contentType: 'application/merge-patch+json' }
    )
    const why = ['--reason', 'why']
    const rule = ['rule', 'create', '-n', 'shop', '--labels', 'app=web', '--mode']
    // [what, arguments, options of the real run, objects that it makes, objects that it changes]
    const table: [string, string[], string[], string[], string[]][] = [
      [
        'approve',
        ['profile', 'approve', 'shop/web'],
        [...why, '--force'],
        [],
        ['SeccompProfile shop/web']
      ],
      ['its own profile', [...rule, 'learn', 'own'], [], ['SeccompRule shop/own'], []],
      ['a rule', [...rule, 'audit', 'web', '--profile', 'web'], [], ['SeccompRule shop/web'], []],
      [
        'promote',
        ['promote', 'shop/web', 'enforce', '--state', near, '--force'],
        why,
        [],
        ['SeccompProfile shop/web']
      ]
    ]
    const settled = async () =>
      new Map([...(await objects())].filter(([name]) => !keptByPrograms.test(name)))
    for (const [what, args, options, makes, updates] of table) {
      const verb = args.includes('--state')
        ? (...more: string[]) => runSecco([...args, ...more])
        : (...more: string[]) => secco(...args, ...more)
      const before = await settled()
      const dry = await verb('--dry-run')
      t.equal(dry.code, 0, `${what}: ${dry.stderr}`)
      const between = await settled()
      t.strictSame(newIn(before, between), [], `${what}: a dry run makes nothing`)
      t.strictSame(newIn(before, between, true), [], `${what}: a dry run changes nothing`)
      // What the dry run says is pasted, too.
      const digest = /--digest \S+/.exec(dry.stderr)?.[0].split(' ') ?? []
      const real = await verb(...options, ...digest)
      t.equal(real.code, 0, `${what}: ${real.stderr}`)
      const after = await settled()
      const made = newIn(between, after)
      t.strictSame(made, makes, what)
      t.strictSame(newIn(between, after, true), updates, what)
      for (const one of makes) t.match(dry.stdout, created(one), what)
    }
  }

  await t.test('the other layout with every option, and everything is removed', async (t) => {
    await install(t, '--ha', '--hub-api', '--mode', 'enforce', '--final-state', 'deny')
    await kube.do('POST', `/apis/rbac.authorization.k8s.io/v1/namespaces/${root}/rolebindings`, {
      metadata: { name: 'vera-looks' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'secco-viewer' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'vera' }]
    })
    await uninstall(t, '--all')
    const left = [...(await objects()).keys()].filter((name) => name.includes('secco'))
    t.strictSame(left, [])
  })
})
