import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { KubeConfig } from '@kubernetes/client-node'
import { t, test, type Test } from 'tap'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { kubernetesObjects } from '../../../src/store/kubernetes-objects.js'
import { findApiServer } from '../../helpers/api-server-programs.js'
import { allShellBlocks } from '../../helpers/documents.js'
import { kubeconfigOf, startCluster } from '../../helpers/cluster.js'
import { argoHealth, fluxHealth } from '../../helpers/gitops-health.js'
import { type Kubectl, kubectlOf } from '../../helpers/kubectl.js'
import { account, install, startHubNear, startPeopleCluster } from '../../helpers/people-cluster.js'
import { repositoryRoot } from '../../helpers/repository.js'
import { until } from '../../helpers/until.js'
import { runHere } from '../../helpers/webhook-program.js'

t.setTimeout(500_000)
const found = await findApiServer()
const kubectlProgram = found.programs?.kubectl
const skip = found.skip ?? (kubectlProgram === undefined ? 'no kubectl' : false)

const web: SeccompProfile = {
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
  metadata: { namespace: 'shop', name: 'web', labels: { team: 'shop' } },
  spec: {
    workload: { kind: 'Deployment', name: 'web', container: 'app' },
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: ['accept4', 'read'], action: 'SCMP_ACT_ALLOW' }]
    }
  }
}
const rule = {
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompRule' },
  metadata: { namespace: 'shop', name: 'web' },
  spec: {
    podSelector: { matchLabels: { app: 'web' } },
    ...{ profile: { name: 'web' }, mode: 'enforce' }
  }
}
const ref = { namespace: 'shop', name: 'web' }
const late = { namespace: 'shop', name: 'late' }
const tool = 'system:serviceaccount:shop:flux'
/** What a person does in the cluster. */
const allowing = ['profile', 'call', 'shop/web', '--allow', 'sysinfo', '--reason', 'r'] as const
const serverSide = ['apply', '--server-side', '--field-manager', 'flux', '-f', '-']

async function done(t: Test, said: ReturnType<Kubectl>, what: string): Promise<string> {
  const { code, stdout, stderr } = await said
  t.equal(code, 0, `${what}: ${stderr}`)
  return stdout + stderr
}

/** Exports a profile and its rule as a repository keeps them, by the commands of the guide. */
async function exported(
  folder: string,
  kubeconfig: string
): Promise<Record<'profile' | 'rule', string>> {
  const programs = `${join(repositoryRoot, 'bin')}:${dirname(kubectlProgram ?? '')}`
  const env = {
    ...{ HOME: folder, KUBECONFIG: kubeconfig, TOOL: tool },
    PATH: `${programs}:${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`
  }
  for (const { text } of allShellBlocks().filter(({ runner }) => runner?.includes('gitops')))
    await promisify(execFile)('sh', ['-e', '-c', text], { cwd: folder, env })
  const read = (name: string) => readFile(join(folder, 'secco', name), 'utf8')
  return { profile: await read('web.profile.yaml'), rule: await read('web.rule.yaml') }
}

test('a repository applies what was exported, beside Secco and people', { skip }, async (t) => {
  const { programs } = found
  if (programs === undefined || kubectlProgram === undefined) return
  const people = await startPeopleCluster(programs)
  const { cluster } = people
  t.teardown(() => cluster.stop())
  const folder = await mkdtemp(join(tmpdir(), 'secco-gitops-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const flux = join(folder, 'flux')
  const token = await account(cluster, 'shop', 'flux')
  await writeFile(flux, kubeconfigOf(cluster.url, cluster.caPem, token), { mode: 0o600 })
  for (const role of ['secco-developer', 'secco-approver']) {
    const path = '/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings'
    const subjects = [{ kind: 'ServiceAccount', name: 'flux', namespace: 'shop' }]
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role }
    await cluster.kube.do('POST', path, { metadata: { name: `${role}-flux` }, roleRef, subjects })
  }
  const olga = await people.kubeconfig(folder, 'olga')
  const dora = await people.kubeconfig(folder, 'dora')
  const kubectl = kubectlOf(kubectlProgram, flux)
  const config = new KubeConfig()
  config.loadFromFile(await people.kubeconfig(folder, 'hub'))
  const store = kubernetesObjects(config)
  const { webhook } = await startHubNear(people, folder, 'olga')
  t.teardown(() => webhook.stop())
  const secco = (...args: string[]) => runHere([...args, '--kubeconfig', olga])
  /** The profile when the hub has read it as it is. */
  const read = (one = ref) =>
    until('the hub to read the profile', async () => {
      const profile = await store.get('SeccompProfile', one)
      const ready = profile?.status?.conditions?.find(({ type }) => type === 'Ready')
      return ready?.observedGeneration === profile?.metadata.generation ? profile : undefined
    })

  await done(t, kubectlOf(kubectlProgram, dora)(['apply', '-f', '-'], JSON.stringify(rule)), 'rule')
  await cluster.kube.do('POST', '/apis/secco.dev/v1alpha1/namespaces/shop/seccompprofiles', web)
  await store.update('SeccompProfile', ref, (one) => ({
    ...one,
    status: { observed: { x86_64: ['accept4', 'getsid', 'read'] } }
  }))
  t.match(await secco('profile', 'approve', 'shop/web', '--reason', 'a week of staging'), {
    code: 0
  })
  const approved = await read()
  t.match(approved.spec.approval, { by: 'system:serviceaccount:shop:olga' })
  const files = await exported(folder, olga)

  await t.test("a person's approval does not travel", async (t) => {
    t.notMatch(files.profile, /status:|resourceVersion|last-applied/)
    t.match(
      files.profile,
      /reason: a week of staging \(approved by system:serviceaccount:shop:olga\)/
    )
    const moved = { ...approved, metadata: { namespace: 'shop', name: 'moved' }, status: undefined }
    const { code, stderr } = await kubectl(['apply', '-f', '-'], JSON.stringify(moved))
    t.equal(code, 1)
    t.match(stderr, new RegExp(`spec.approval.by: must be ${tool}`))
    const { code: denied, stderr: why } = await kubectlOf(kubectlProgram, dora)(
      ['apply', '-f', '-'],
      files.profile.replace('name: web', 'name: moved')
    )
    t.equal(denied, 1)
    t.match(why, /dora may not approve in namespace shop/)
  })

  await t.test('applied, it is approved by the tool, and stays without a difference', async (t) => {
    for (const file of [files.profile, files.rule]) {
      await done(t, kubectl(['apply', '-f', '-'], file), 'apply')
      await done(t, kubectl(['diff', '-f', '-'], file), 'no difference')
    }
    const applied = await read()
    t.match(applied.status?.approvals?.at(-1), { by: tool, revision: /^sha256:/ })
    t.same(applied.metadata.labels, { team: 'shop' })
    const [ready] = applied.status?.conditions?.filter(({ type }) => type === 'Ready') ?? []
    t.equal(ready?.reason, 'NoNodes', 'the hub has rendered it')
    await done(
      t,
      kubectl(['diff', '-f', '-'], files.profile),
      'none after the hub wrote its status'
    )
    t.equal(argoHealth(applied).status, 'Progressing')
    t.equal(fluxHealth(applied), 'InProgress')
  })

  await t.test(
    'what a person changes in the cluster is the difference, until the tool applies',
    async (t) => {
      await done(t, secco(...allowing), 'a person allows a call')
      const { code, stdout } = await kubectl(['diff', '-f', '-'], files.profile)
      t.equal(code, 1)
      const lines = stdout.split('\n').filter((line) => /^[-+] /.test(line))
      t.ok(lines.some((line) => line.includes('sysinfo')))
      t.notOk(lines.some((line) => /status|conditions|observed:|workload|team/.test(line)))
      await done(t, kubectl(['apply', '-f', '-'], files.profile), 'apply')
      await done(t, kubectl(['diff', '-f', '-'], files.profile), 'no difference')
      const back = await read()
      t.match(back.spec.approval?.by, tool)
      t.notMatch(JSON.stringify(back.spec), /sysinfo/)
      t.notMatch(JSON.stringify(back.status?.conditions), /ApprovalInvalid/)
    }
  )

  await t.test(
    'by server-side apply, two managers meet only where both change something',
    async (t) => {
      await done(t, kubectl([...serverSide, '--force-conflicts'], files.profile), 'the first apply')
      await store.update('SeccompProfile', ref, (one) => ({
        ...one,
        status: { ...one.status, observed: { x86_64: ['accept4', 'getpid', 'getsid', 'read'] } }
      }))
      await done(t, kubectl(serverSide, files.profile), 'what the hub writes is no conflict')
      const moved = files.profile.replace(
        'kind: Deployment\n    name: web',
        'kind: Deployment\n    name: shop'
      )
      t.not(moved, files.profile)
      await done(t, secco(...allowing), 'a person allows a call')
      const { stderr } = await kubectl(serverSide, moved)
      t.match(stderr, /conflict.* with "secco"/)
      t.match(stderr, /\.spec\.seccomp\.syscalls/)
      const ours = stderr.replace(/conflicts with "unknown"[^]*/, '')
      t.notMatch(ours, /\.spec\.workload|\.status|\.metadata/)
      await done(
        t,
        kubectl([...serverSide, '--force-conflicts'], moved),
        'what Flux and Argo CD do'
      )
      const after = await read()
      t.match(after.spec, { workload: { name: 'shop' }, approval: { by: tool } })
      t.notMatch(JSON.stringify(after.spec), /sysinfo/)
      await done(t, kubectl(serverSide, moved), 'and again')
    }
  )

  await t.test('without an approval in the file a change waits for a person', async (t) => {
    const { stdout } = await secco('profile', 'export', 'shop/web', '-o', 'yaml')
    const plain = stdout.replace('name: web\n', 'name: late\n')
    await done(t, kubectl(serverSide, plain), 'nobody has approved it by name')
    const first = await read(late)
    t.match(first.status, { revision: /^sha256:/, approvals: [{ by: 'unnamed' }] }, 'it is in use')
    await store.update('SeccompProfile', late, (one) => ({
      ...one,
      status: { ...one.status, observed: { x86_64: ['accept4', 'getpid', 'read'] } }
    }))
    const named = await secco('profile', 'approve', 'shop/late', '--reason', 'release 1')
    t.equal(named.code, 0, named.stderr)
    const served = (await read(late)).status?.revision
    const wider = plain.replace('- read', '- mount\n          - read')
    const said = await done(t, kubectl([...serverSide, '--force-conflicts'], wider), 'accepted')
    t.match(said, /Warning: .*spec.approval is for the earlier content/)
    const waiting = await read(late)
    t.equal(waiting.status?.revision, served, 'the earlier content stays in use')
    t.equal(argoHealth(waiting).status, 'Suspended')
    t.equal(fluxHealth(waiting), 'InProgress')
    const approve = await secco('profile', 'approve', 'shop/late', '--reason', 'release 2')
    t.equal(approve.code, 0, approve.stderr)
    const now = await read(late)
    t.not(now.status?.revision, served)
    t.equal(now.status?.approvals?.at(-1)?.by, 'system:serviceaccount:shop:olga')
  })

  await t.test('on a clean cluster, in any order, as often as one likes', async (t) => {
    const clean = await startCluster(programs)
    t.teardown(() => clean.stop())
    for (const file of ['crds/seccompprofiles.yaml', 'crds/seccomprules.yaml'])
      await install(clean, file)
    const admin = kubectlOf(kubectlProgram, clean.kubeconfig)
    const both = [files.rule, files.profile].join('---\n')
    const first = await until('the kinds to be served', async () => {
      const tried = await admin(['apply', '-f', '-'], both)
      return tried.stderr.includes('no matches for kind') ? undefined : tried
    })
    t.match(first, { code: 1, stderr: /namespaces "shop" not found/ })
    await clean.kube.do('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
    await done(t, admin(['apply', '-f', '-'], both), 'the rule first')
    const again = await done(
      t,
      admin(['apply', '-f', '-'], [files.profile, files.rule].join('---\n')),
      'again'
    )
    t.match(
      again,
      /seccompprofile.secco.dev\/web unchanged\n.*seccomprule.secco.dev\/web unchanged/
    )
    await done(t, admin(['diff', '-f', '-'], both), 'no difference')
  })
})
