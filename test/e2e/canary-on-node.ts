import type { Test } from 'tap'
import type { LinuxSeccomp, SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { OnNode } from '../helpers/kubernetes/on-node.js'
import type { ContainerView } from '../../webhook/confinement/containers/container-views.js'
import type { Json } from '../helpers/kube.js'
import { asAdministrator } from '../helpers/kubernetes/administrator-token.js'
import { type Pod, seccompOf, testContainer, testPod } from '../helpers/kubernetes/pods.js'
import { testDeployment, useSecco } from '../helpers/kubernetes/secco-in-use.js'
import { until } from '../helpers/until.js'

const namespace = 'canary'
const labels = { 'secco.dev/profile': 'api' }
/** The path that breaks, as the server answers it. */
const path = '/call/getsid'
const served = 'getsid ok\n'
const broken = 'getsid denied errno 1\n'

/** The same without the call of that path. */
export function smaller(needs: LinuxSeccomp): LinuxSeccomp {
  const rules = needs.syscalls ?? []
  const without = rules.map(({ names, ...rest }) => {
    return { ...rest, names: names.filter((name) => name !== 'getsid') }
  })
  return { ...needs, syscalls: without.filter(({ names }) => names.length > 0) }
}

interface Event {
  regarding: { kind: string; name: string }
  reason: string
  note: string
}

/**
 * A revision that breaks one path of a server of four pods: one gets it, it is taken back without a human, the
 * other three never notice.
 */
export async function canaryGoesBack(t: Test, given: OnNode): Promise<void> {
  const { cluster, secco, needs } = given
  const { kube } = cluster
  const use = await useSecco(cluster, namespace, secco.state)
  const me = (...args: string[]) => asAdministrator(given, ...args)
  // The ordinal of a StatefulSet's pod decides about its side of a canary; dry runs have no turn.
  const set = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'api', uid: 'none' }
  const ownerReferences = [{ ...set, controller: true }]
  const podOf = (ordinal: number): Json =>
    testPod({ name: `api-${ordinal}`, labels, ownerReferences }, [testContainer('app')])
  const profilePath = `/apis/secco.dev/v1alpha1/namespaces/${namespace}/seccompprofiles/api`
  const containers = async (): Promise<ContainerView[]> => {
    const { stdout } = await me('ps', '-n', namespace, '-o', 'json')
    return (JSON.parse(stdout) as { items: ContainerView[] }).items
  }

  // Everybody runs under a revision that serves.
  const workload = { kind: 'Deployment', name: 'api', container: 'app' } as const
  const profile: SeccompProfile = {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { name: 'api' } },
    spec: { workload, seccomp: needs }
  }
  await use.create('seccompprofiles', { ...profile })
  const good = await use.delivered('api')
  await use.given(podOf(0), good.enforce)
  await use.create('deployments', testDeployment('api', labels, 4))
  const before = await use.ready('app=api', 4)
  for (const pod of before) {
    t.match(seccompOf(pod), { type: 'Localhost', localhostProfile: good.enforce })
    t.equal(await use.ask(pod, path), served)
  }
  // A step is taken from where they are seen to stand.
  await until('secco ps to see that all four are enforced', async () => {
    const all = await containers()
    return all.length === 4 && all.every(({ state }) => state === 'enforced') ? all : undefined
  })

  // The next one lacks a call that one path needs.
  await use.patch(profilePath, { spec: { seccomp: smaller(needs) } })
  const bad = await use.delivered('api', good.revision)
  const why = 'a smaller profile'
  const share = ['--canary', '25%', '--quiet-for', '1h', '--reason', why]
  // The path was asked for while the pods started, so the step without force is rejected.
  const kept = await me('promote', `${namespace}/api`, 'enforce', ...share)
  t.match(kept.stderr, /recorded starts called getsid, and its revision denies it/)
  const promoted = await me('promote', `${namespace}/api`, 'enforce', '--force', ...share)
  t.equal(promoted.code, 0, promoted.stderr)
  t.match(promoted.stdout, /canary: 25% get enforce sha256:\w+, the others enforce sha256:\w+/)
  await use.given(podOf(1), good.enforce)
  await cluster.kubectl('-n', namespace, 'rollout', 'restart', 'deployment/api')
  const old = new Set(before.map(({ metadata }) => metadata.name))
  const pods = await use.ready('app=api', 4, ({ metadata }) => !old.has(metadata.name))
  const [hit, ...more] = pods.filter((pod) => seccompOf(pod)?.localhostProfile === bad.enforce)
  const others = pods.filter((pod) => seccompOf(pod)?.localhostProfile === good.enforce)
  t.strictSame([hit === undefined, more.length, others.length], [false, 0, 3], '1 of 4 pods')
  if (hit === undefined) return
  const views = await until('secco ps to know all four', async () => {
    const all = (await containers()).filter(({ pod }) => !old.has(pod))
    return all.length === 4 && all.every(({ state }) => state === 'enforced') ? all : undefined
  })
  const marked = views.filter(({ canary }) => canary).map(({ pod }) => pod)
  t.strictSame(marked, [hit.metadata.name], 'and secco ps says which')
  t.equal(await use.ask(hit, '/'), 'ok\n', 'what it does not break is served')

  // Somebody asks for the path.
  const asked = Date.now()
  for (const pod of pods) t.equal(await use.ask(pod, path), pod === hit ? broken : served)
  const history = await until(
    'the canary to be taken back',
    async () => {
      const { status } = (await use.profile('api')) ?? {}
      return status?.history?.at(-1)?.action === 'return' ? status.history : undefined
    },
    { timeoutMs: 180_000, everyMs: 100 }
  )
  t.comment(`taken back ${Date.now() - asked} ms after the first denied call`)
  const account = 'system:serviceaccount:default:administrator'
  const [begun, taken, ...later] = history
  t.match(begun, { action: 'canary', by: account, to: 'enforce for 25%', reason: why })
  t.match(taken, {
    ...{ action: 'return', by: 'policy', from: 'enforce for 25%' },
    ...{ to: `enforce ${good.revision.slice(0, 19)}` },
    reason:
      /^\d+ calls? denied in the canary: getsid \(EPERM\) by server in container app of pod \S+ on node-1$/,
    evidence: /canary api@[0-9a-f]{8}: 1 of 4 containers/
  })
  t.strictSame(later, [])

  // Whoever comes gets the former revision; nobody was restarted for it.
  await use.given(podOf(0), good.enforce)
  for (const pod of await use.ready('app=api', 4)) {
    t.ok(pods.some(({ metadata }) => metadata.uid === pod.metadata.uid))
    t.equal(pod.status.containerStatuses?.[0]?.restartCount, 0)
  }
  for (const { pod, denials, stale } of await containers()) {
    const isHit: boolean = pod === hit.metadata.name
    t.strictSame([denials > 0, stale], [isHit, isHit], `${pod}: denials, stale`)
  }
  const { name } = hit.metadata
  const explained = await me('explain', name, '-n', namespace)
  t.match(
    explained.stdout,
    /A new container would get api@[0-9a-f]{8}; .*kubectl --kubeconfig \S+ rollout restart/
  )
  const events = await until('what pods and the profile are told', async () => {
    const list = await kube.do('GET', `/apis/events.k8s.io/v1/namespaces/${namespace}/events`)
    const all = list['items'] as Event[]
    const wanted: [string, string][] = [
      [name, 'CallDenied'],
      ['api', 'CanaryStarted'],
      ['api', 'CanaryReturned']
    ]
    const isThere = ([about, what]: [string, string]) =>
      all.some(({ regarding, reason }) => regarding.name === about && reason === what)
    return wanted.every(isThere) ? all : undefined
  })
  const denied = events.filter(({ reason }) => reason === 'CallDenied')
  t.strictSame([...new Set(denied.map(({ regarding }) => regarding.name))], [name])
  t.match(denied[0]?.note, /container app: server called getsid, it got EPERM; .*denials allow/)
  const told = events.find(({ reason }) => reason === 'CanaryReturned')
  t.match(told?.note, /by policy: .*denied in the canary: getsid/)
  await cluster.kubectl('-n', namespace, 'delete', 'pod', name, '--wait=false')
  const isNew = ({ metadata }: Pod): boolean => metadata.name !== name
  for (const pod of await use.ready('app=api', 4, isNew)) {
    t.match(seccompOf(pod), { localhostProfile: good.enforce })
    t.equal(await use.ask(pod, path), served)
  }
}
