import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { Command } from 'commander'
import { type Test, t, test } from 'tap'
import { buildProgram } from '../../../../cli/main.js'
import { apiVersion } from '../../../../src/api/names.js'
import { findApiServer } from '../../../helpers/api-server-programs.js'
import { captureIo } from '../../../helpers/captured-io.js'
import { kubeconfigOf } from '../../../helpers/cluster.js'
import { kubectlOf } from '../../../helpers/kubectl.js'
import {
  allowFrontProxyRules,
  makeAggregation,
  registerHubApi
} from '../../../helpers/kubernetes/aggregation.js'
import { startOidcIssuer } from '../../../helpers/kubernetes/oidc-issuer.js'
import { account, startPeopleCluster } from '../../../helpers/people-cluster.js'
import type { Outcome } from '../../../helpers/secco-command.js'
import { until } from '../../../helpers/until.js'
import { runHere, startWebhookProgram } from '../../../helpers/webhook-program.js'

t.setTimeout(500_000)
const found = await findApiServer()
const rbac = '/apis/rbac.authorization.k8s.io/v1'

/** A verb with its arguments, the exit code, and what it prints. `hub`: it asks the hub. */
interface Tried {
  verb: string
  args: string[]
  hub?: true
  code?: number
  prints?: RegExp
}

/** Every verb that has -n, in an order in which each finds what it needs. */
function verbsOf(name: string, files: Record<'profile' | 'oci' | 'rule' | 'pod', string>): Tried[] {
  const n = ['-n', 'shop']
  const why = ['--reason', 'release 1']
  const missing = { code: 1, prints: /no running container/ }
  return [
    { verb: 'profile apply', args: ['-f', files.profile, ...n] },
    { verb: 'rule apply', args: ['-f', files.rule, ...n] },
    {
      verb: 'rule create',
      args: [`${name}-new`, '--profile', name, '--mode', 'audit', '--labels', 'app=new', ...n]
    },
    { verb: 'import', args: ['-f', files.oci, '--name', `oci-${name}`, '--apply', ...n] },
    { verb: 'get profiles', args: n, prints: new RegExp(name) },
    { verb: 'get rules', args: n, prints: new RegExp(name) },
    { verb: 'get workloads', args: n, prints: /Deployment/ },
    {
      verb: 'profile show',
      args: [name, ...n],
      prints: /Observed[^]*what it blocks is missing here/
    },
    { verb: 'profile diff', args: [name, 'RuntimeDefault', ...n], code: 1 },
    { verb: 'diff', args: [name, 'RuntimeDefault', ...n], code: 1 },
    { verb: 'lint', args: [name, ...n] },
    { verb: 'learn', args: [name, '--quiet', '1s', '--timeout', '1s', ...n] },
    { verb: 'profile call', args: [name, '--allow', 'getsid', ...why, ...n] },
    { verb: 'profile extend', args: [name, '--add', 'secco-system/musl', ...n] },
    { verb: 'profile approve', args: [name, ...why, ...n] },
    { verb: 'profile export', args: [name, '--format', 'oci', ...n], prints: /SCMP_ACT/ },
    { verb: 'rule export', args: [name, ...n], prints: /ValidatingAdmission|MutatingAdmission/ },
    { verb: 'ps', args: n, hub: true, prints: /containers|NAMESPACE/ },
    { verb: 'denials', args: n, hub: true, prints: /denials/ },
    {
      verb: 'denials allow',
      args: [name, 'mlock2', '--namespace-of', 'shop', '--yes', ...why],
      hub: true
    },
    { verb: 'denials mute', args: [name, 'mount', '--namespace-of', 'shop', ...why], hub: true },
    { verb: 'explain', args: ['web-1', ...n], hub: true, ...missing },
    { verb: 'why-eperm', args: ['web-1', ...n], hub: true, ...missing },
    { verb: 'history', args: [`Deployment/${name}`, ...n], hub: true, prints: /approval/ },
    {
      verb: 'simulate',
      args: ['--deny', 'mount', ...n],
      hub: true,
      prints: /No running container is affected/
    },
    { verb: 'promote', args: [name, 'audit', ...why, ...n], hub: true, prints: /audit/ },
    { verb: 'rollback', args: [name, ...why, ...n], hub: true },
    { verb: 'trace', args: ['web-1', ...n], hub: true, code: 1, prints: /web-1/ },
    { verb: 'check', args: ['-f', files.pod], hub: true },
    { verb: 'rule delete', args: [name, ...n] },
    { verb: 'profile delete', args: [`oci-${name}`, ...n] }
  ]
}

/** Nodes belong to no namespace, so their list is for people with rights in the whole cluster. */
const notOfNamespaces = ['get nodes']

async function verbsWithNamespace(): Promise<string[]> {
  const { stdout, stderr } = process
  const program = await buildProgram({
    ...{ io: captureIo().io, argv: [], uid: 0, user: '', now: () => new Date(0) },
    ...{ finish: () => undefined, streams: { stdout, stderr, isTerminal: false } },
    stopSignal: () => new AbortController().signal
  })
  const below = (command: Command, words: string[]): string[] => [
    ...(command.options.some(({ long }) => /^--namespace(-of)?$/.test(long ?? ''))
      ? [words.join(' ')]
      : []),
    ...command.commands.flatMap((each) => below(each, [...words, each.name()]))
  ]
  return below(program, [])
}

async function writeFiles(folder: string, name: string) {
  const files = {
    profile: join(folder, `${name}.yaml`),
    oci: join(folder, `${name}-oci.json`),
    rule: join(folder, `${name}-rule.yaml`),
    pod: join(folder, `${name}-pod.yaml`)
  }
  const seccomp = {
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names: ['accept4', 'read'], action: 'SCMP_ACT_ALLOW' }]
  }
  const workload = { kind: 'Deployment', name, container: 'app' }
  const metadata = { name }
  // JSON is YAML.
  const documents = {
    profile: { apiVersion, kind: 'SeccompProfile', metadata, spec: { workload, seccomp } },
    oci: seccomp,
    pod: { kind: 'Pod', metadata: { name, namespace: 'shop' }, spec: { containers: [{ name }] } },
    rule: {
      ...{ apiVersion, kind: 'SeccompRule', metadata },
      spec: { podSelector: { matchLabels: { app: name } }, mode: 'enforce', profile: { name } }
    }
  }
  for (const kind of ['profile', 'oci', 'rule', 'pod'] as const)
    await writeFile(files[kind], JSON.stringify(documents[kind]))
  return files
}

test('a person with rights in one namespace uses every verb that has -n', {
  skip: found.programs === undefined ? found.skip : false
}, async (t) => {
  const { programs } = found
  if (programs === undefined) return
  const folder = await mkdtemp(join(tmpdir(), 'secco-namespace-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const aggregation = await makeAggregation(folder)
  const issuer = await startOidcIssuer(join(folder, 'issuer'))
  t.teardown(() => issuer.close())
  const people = await startPeopleCluster(programs, [...aggregation.flags, ...issuer.flags])
  const { cluster } = people
  t.teardown(() => cluster.stop())
  const { kube, url, caPem } = cluster
  await kube.do('POST', '/api/v1/namespaces', { metadata: { name: 'ops' } })
  await kube.do('POST', `/apis/${apiVersion}/namespaces/ops/seccompprofiles`, {
    ...{ apiVersion, kind: 'SeccompProfile', metadata: { name: 'db' } },
    spec: { workload: { kind: 'StatefulSet', name: 'db', container: 'db' } }
  })
  const token = await account(cluster, 'shop', 'tom')
  const pair = await aggregation.people.issue('cora', { commonName: 'cora' })
  const encoded = async (path: string) => (await readFile(path)).toString('base64')
  const pluginApi = 'client.authentication.k8s.io/v1'
  const credential = join(folder, 'oscar.json')
  const status = { token: issuer.tokenOf('oscar') }
  await writeFile(
    credential,
    JSON.stringify({ kind: 'ExecCredential', apiVersion: pluginApi, status })
  )
  const command = { command: 'cat', args: [credential] }
  const users = {
    tom: token,
    oscar: { exec: { apiVersion: pluginApi, interactiveMode: 'Never', ...command } },
    cora: {
      'client-certificate-data': await encoded(pair.cert),
      'client-key-data': await encoded(pair.key)
    }
  }
  const subjects = {
    tom: { kind: 'ServiceAccount', name: 'tom', namespace: 'shop' },
    cora: { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'cora' },
    oscar: { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'oscar' }
  }
  await kube.do('POST', `${rbac}/namespaces/shop/rolebindings`, {
    metadata: { name: 'operators' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'secco-operator' },
    subjects: Object.values(subjects)
  })
  const state = join(folder, 'hub')
  const own = await people.kubeconfig(folder, 'hub')
  await allowFrontProxyRules(kube)
  const webhook = await startWebhookProgram(
    ...([state, '--kubeconfig', own, '--roles', 'hub,ui', '--api-listen', '127.0.0.1:0'] as const),
    ...['--server-name', 'secco-hub.secco-system.svc']
  )
  t.teardown(() => webhook.stop())
  await registerHubApi(kube, join(state, 'addresses.json'))
  const as = async (who: keyof typeof users) => {
    const kubeconfig = join(folder, `kubeconfig-${who}`)
    await writeFile(kubeconfig, kubeconfigOf(url, caPem, users[who]), { mode: 0o600 })
    return (...args: string[]) => runHere([...args, '--kubeconfig', kubeconfig])
  }

  /** What the hub writes when a container is recorded. */
  const observe = (name: string) =>
    kube.do(
      'PATCH',
      `/apis/${apiVersion}/namespaces/shop/seccompprofiles/${name}/status`,
      { status: { observed: { x86_64: ['accept4', 'read', 'write'] } } },
      { contentType: 'application/merge-patch+json' }
    )
  const proofs = {
    tom: 'a token',
    cora: 'a client certificate',
    oscar: 'a credential plugin, with a token of an OpenID Connect provider'
  }
  for (const who of ['tom', 'cora', 'oscar'] as const) {
    await t.test(`by ${proofs[who]}`, async (t) => {
      const secco = await as(who)
      const name = `web-${who}`
      const tried = verbsOf(name, await writeFiles(folder, name))
      t.same(
        [...tried.map(({ verb }) => verb), ...notOfNamespaces].sort(),
        [...(await verbsWithNamespace()), 'check'].sort(),
        'every verb that has -n, and check'
      )
      for (const { verb, args, hub, code = 0, prints } of tried) {
        const once = () => secco(...verb.split(' '), ...args)
        // The hub knows of an object a moment after it is written.
        const known = async () => {
          const outcome = await once()
          return /does not exist|no history/.test(outcome.stderr) ? undefined : outcome
        }
        const done =
          hub === true ? await until(`the hub to know what ${verb} is about`, known) : await once()
        const said = `${done.stdout}${done.stderr}`
        if (verb === 'profile apply') await observe(name)
        t.equal(done.code, code, `${verb}: ${said}`)
        t.notMatch(said, /FORBIDDEN|ops/, `${verb}: nothing was rejected, nothing of others shown`)
        if (prints !== undefined) t.match(said, prints, verb)
      }
    })
  }

  await t.test('the hint names the missing right', async (t) => {
    const tom = await as('tom')
    const cora = await as('cora')
    const viewer = 'ask for the role secco-viewer, for example kubectl create'
    const account = '--serviceaccount=shop:tom'
    // [what, outcome, the next step]
    const table: [string, Outcome, string][] = [
      [
        'objects of all namespaces',
        await tom('get', 'profiles'),
        `name one namespace with -n; all of them: needs "list" on seccompprofiles.secco.dev in the whole cluster; ` +
          `${viewer} clusterrolebinding secco-viewer-tom --clusterrole=secco-viewer ${account}`
      ],
      [
        'objects of another namespace, by certificate',
        await cora('get', 'rules', '-n', 'ops'),
        `needs "list" on seccomprules.secco.dev in namespace ops; ${viewer} rolebinding ` +
          'secco-viewer-cora -n ops --clusterrole=secco-viewer --user=cora'
      ],
      [
        'an object of another namespace',
        await tom('profile', 'approve', 'db', '-n', 'ops'),
        `needs "get" on seccompprofiles.secco.dev in namespace ops; ${viewer} rolebinding ` +
          `secco-viewer-tom -n ops --clusterrole=secco-viewer ${account}`
      ],
      [
        'containers of all namespaces',
        await tom('ps'),
        'name one namespace with -n; all of them: needs "get" on hubs.hub.secco.dev/proxy (the way to the hub) ' +
          `in the whole cluster; ${viewer} clusterrolebinding secco-viewer-tom --clusterrole=secco-viewer ${account}`
      ],
      [
        'a container of another namespace',
        await tom('explain', 'ops/db-0', '-n', 'shop'),
        `needs "list" on seccompprofiles.secco.dev/containers in namespace ops; ${viewer} rolebinding ` +
          `secco-viewer-tom -n ops --clusterrole=secco-viewer ${account}`
      ],
      [
        'another profile than that of the namespace',
        await tom('simulate', 'ops/db', '-n', 'shop'),
        `needs "list" on seccompprofiles.secco.dev/containers in namespace ops; ${viewer} rolebinding ` +
          `secco-viewer-tom -n ops --clusterrole=secco-viewer ${account}`
      ]
    ]
    for (const [what, { code, stderr }, next] of table) {
      t.equal(code, 1, what)
      t.ok(stderr.endsWith(`next: ${next}\n`), `${what}: ${stderr}`)
    }
  })

  await t.test('kubeconfigs, contexts and --as, as kubectl takes them', async (t) => {
    const config = JSON.parse(kubeconfigOf(url, caPem, cluster.token)) as Record<string, unknown>
    const [clusters, people] = ['config-1', 'config-2'].map((name) => join(folder, name))
    const contexts = [
      { name: 'shop-as-tom', context: { cluster: 'test', user: 'tom', namespace: 'shop' } }
    ]
    const users = [{ name: 'tom', user: { token } }]
    await writeFile(clusters ?? '', JSON.stringify(config), { mode: 0o600 })
    await writeFile(people ?? '', JSON.stringify({ ...config, clusters: [], users, contexts }))
    const files = ['--kubeconfig', `/nowhere:${clusters}:${people}`]
    const tom = [...files, '--context', 'shop-as-tom']
    const asTom = [...files, '--as', 'system:serviceaccount:shop:tom']
    // [words, exit code, what is printed]
    const table: [words: string[], code: number, said: RegExp][] = [
      [['profile', 'show', 'web-tom', ...tom], 0, /Observed/],
      [
        ['profile', 'show', 'web-tom', '-n', 'default', ...tom],
        1,
        /needs "get" .* in namespace default/
      ],
      [['profile', 'show', 'web-tom', ...files], 1, /web-tom does not exist in namespace default/],
      [['ps', '-n', 'shop', ...asTom], 0, /containers|NAMESPACE/],
      [['ps', '-n', 'ops', ...asTom], 1, /shop:tom" cannot .* in the namespace "ops"/],
      [['get', 'profiles', '-n', 'ops', ...asTom], 1, /needs "list" .*--serviceaccount=shop:tom/],
      [['get', 'profiles', '-n', 'ops', ...files], 0, /db/],
      [
        [
          'profile',
          'call',
          'web-tom',
          '--allow',
          'getpriority',
          '--reason',
          'r',
          '-n',
          'shop',
          ...asTom
        ],
        0,
        /web-tom: decided/
      ],
      [
        ['get', 'profiles', ...files, '--context', 'x'],
        1,
        /--context: x is not in .*\n.*test, shop-as-tom/
      ],
      [['get', 'profiles', '-n', 'shop', ...tom, '--as', 'nobody'], 1, /impersonate/]
    ]
    for (const [words, code, said] of table) {
      const outcome = await runHere(words)
      t.match(outcome.stdout + outcome.stderr, said, words.join(' '))
      t.equal(outcome.code, code, words.join(' '))
    }
  })

  await t.test('streams are for one namespace too', async (t) => {
    const get = async (path: string) => {
      const abort = new AbortController()
      const headers = { authorization: `Bearer ${token}` }
      const { status } = await fetch(`${webhook.ui}/api/v1/${path}`, {
        headers,
        signal: abort.signal
      })
      abort.abort()
      return status
    }
    for (const list of ['containers', 'denials']) {
      t.equal(await get(`${list}/stream?namespace=shop`), 200, list)
      t.equal(await get(`${list}/stream`), 403, `${list} of all namespaces`)
      t.equal(await get(`${list}/stream?namespace=ops`), 403, `${list} of another namespace`)
      t.equal(await get(`${list}/stream?namespace=shop&namespace=ops`), 403, `${list} of both`)
    }
    t.equal(await get('block?namespace=shop'), 403, 'an answer about every namespace')
    t.equal(await get('ladder?namespace=shop'), 200)
  })

  await t.test('the printed command gives the right', async (t: Test) => {
    const { kubectl: program } = programs
    if (program === undefined) {
      t.pass('kubectl is not there')
      return
    }
    const tom = await as('tom')
    const [, command = ''] =
      /example (kubectl .*)\n/.exec((await tom('get', 'profiles', '-n', 'ops')).stderr) ?? []
    const kubectl = kubectlOf(program, cluster.kubeconfig)
    t.match(await kubectl(command.split(' ').slice(1)), { code: 0 }, command)
    const seen = await until('the right to count', async () => {
      const outcome = await tom('get', 'profiles', '-n', 'ops')
      return outcome.code === 0 ? outcome : undefined
    })
    t.match(seen.stdout, /db/)
  })
})
