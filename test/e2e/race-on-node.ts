import type { Test } from 'tap'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import type { Json } from '../helpers/kube.js'
import {
  containerIdOf,
  isReady,
  listPods,
  type Pod,
  testContainer,
  testPod
} from '../helpers/kubernetes/pods.js'
import type { RealCluster } from '../helpers/kubernetes/real-cluster.js'
import { useSecco } from '../helpers/kubernetes/secco-in-use.js'
import { until } from '../helpers/until.js'

const namespace = 'race'
const patience = { timeoutMs: 120_000, everyMs: 200 }

interface Event {
  reason: string
  note?: string
  regarding: { name: string; kind: string }
}

/**
 * Fifty pods while a revision is on its way: the node lacks it when the first ones are made, and gets it in the
 * middle. The kubelet starts all of them, and each says what it got.
 */
export async function fiftyPods(
  t: Test,
  { cluster, state, needs }: { cluster: RealCluster; state: string; needs: LinuxSeccomp }
): Promise<void> {
  const { kube } = cluster
  const use = await useSecco(cluster, namespace, state)
  const object = `/apis/secco.dev/v1alpha1/namespaces/${namespace}/seccompprofiles/race`
  const withCall = (name: string): LinuxSeccomp => ({
    ...needs,
    syscalls: [...(needs.syscalls ?? []), { names: [name], action: 'SCMP_ACT_ALLOW' }]
  })
  const revisionOnNodes = (count: number, not: string) =>
    until(
      `a revision on ${count} nodes`,
      async () => {
        const { status, metadata } = (await use.profile('race')) ?? { metadata: {} }
        const ready = status?.conditions?.find(({ type }) => type === 'Ready')
        const isNew = ready?.observedGeneration === metadata.generation && status?.revision !== not
        return isNew && status?.nodes?.ready === count ? (status.revision ?? '') : undefined
      },
      patience
    )
  await use.create('seccompprofiles', {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { name: 'race' } },
    spec: {
      workload: { kind: 'Pod', name: 'race', container: 'app' },
      seccomp: withCall('sysinfo')
    }
  })
  const before = await revisionOnNodes(1, '')

  const [satellite] = await listPods(cluster, 'secco-system', 'secco.dev/role-satellite')
  if (satellite === undefined) throw new Error('no satellite')
  const pid = await cluster.node().pidOf(containerIdOf(satellite, 'satellite'))
  const pods = `/api/v1/namespaces/${namespace}/pods`
  const podOf = (name: string): Json => {
    const labels = { race: 'yes', 'secco.dev/profile': 'race' }
    return testPod({ name, labels }, [testContainer('app')])
  }
  const create = async (at: number) => await kube.call('POST', pods, podOf(`race-${at}`))
  const pathOfRevision = (digest: string): string =>
    `secco/${namespace}/race/${digest.replace('sha256:', '')}.json`
  const began = Date.now()
  process.kill(pid, 'SIGSTOP')
  const made: Awaited<ReturnType<typeof create>>[] = []
  let revision = ''
  try {
    await use.patch(object, { spec: { seccomp: withCall('getpriority') } })
    revision = await revisionOnNodes(0, before)
    // In waves of five; the node gets the file after the first three.
    for (let at = 0; at < 50; at += 5) {
      if (at === 15) process.kill(pid, 'SIGCONT')
      // However busy the node is: those that come last come when it has the file.
      if (at === 45) await use.given(podOf('race-tried'), pathOfRevision(revision))
      made.push(...(await Promise.all([0, 1, 2, 3, 4].map((one) => create(at + one)))))
    }
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  t.ok(
    made.every(({ status }) => status === 201),
    'every pod is created'
  )
  t.ok(
    made.every(({ warnings }) => warnings.some((text) => text.includes('secco: app: '))),
    'all say what they got'
  )
  const pathOf = ({ spec }: Pod): string =>
    spec.containers[0]?.securityContext?.seccompProfile?.localhostProfile ?? ''
  const newest = pathOfRevision(revision)
  const early = made.slice(0, 15).map(({ body }) => pathOf(body as unknown as Pod))
  t.notOk(early.includes(newest), 'no pod is given a file that the node lacks')

  const seen = new Set<string>()
  const running = await until(
    'fifty pods to run',
    async () => {
      const all = await listPods(cluster, namespace, 'race=yes')
      for (const { status } of all) {
        for (const one of status.containerStatuses ?? []) seen.add(one.state.waiting?.reason ?? '')
      }
      return all.length === 50 && all.every(isReady) ? all : undefined
    },
    patience
  )
  t.comment(`all run ${((Date.now() - began) / 1000).toFixed(1)} s after the node went away`)
  t.comment(
    `given the newest file: ${running.filter((pod) => pathOf(pod) === newest).length} of 50`
  )
  t.notOk(seen.has('CreateContainerError'), `none waited for a file: ${[...seen].join(' ')}`)
  t.ok(
    running.some((pod) => pathOf(pod) === newest),
    'those that came when it was there have it'
  )
  const silent = await until('an event on each pod', async () => {
    const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events?limit=2000`
    const events = (await kube.do('GET', path))['items'] as Event[]
    const failed = events.filter(({ reason }) => reason === 'Failed')
    if (failed.length > 0) return failed
    const told = events.filter(({ reason }) => /^Profile(Fallback|Applied)$/.test(reason))
    const names = new Set(told.map(({ regarding }) => regarding.name))
    return running.every(({ metadata }) => names.has(metadata.name)) ? [] : undefined
  })
  t.strictSame(silent, [], 'the kubelet failed at none, and each says why it has what it has')
  await kube.do('DELETE', `${pods}?gracePeriodSeconds=0&labelSelector=race%3Dyes`)
}
