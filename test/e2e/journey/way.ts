import type { Test } from 'tap'
import type { ContainerView } from '../../../webhook/confinement/containers/container-view.js'
import type { DenialView } from '../../../webhook/confinement/denials/denial-views.js'
import { askPod, listPods, type Pod } from '../../helpers/kubernetes/pods.js'
import type { RealCluster } from '../../helpers/kubernetes/real-cluster.js'
import { until } from '../../helpers/until.js'
import type { TypingPerson } from './typing-person.js'
import type { Workload } from './workloads.js'

/** Who goes the way, and with which workloads. */
export interface Way {
  t: Test
  person: TypingPerson
  /** The test's own eyes, with all rights. */
  cluster: RealCluster
  namespace: string
  workloads: readonly Workload[]
}

export const patience = { timeoutMs: 180_000, everyMs: 250 }
export const profilesOf = ({ workloads }: Pick<Way, 'workloads'>): string[] =>
  workloads.flatMap(({ name, calls }) => Object.keys(calls).map((one) => `${name}.${one}`))
export const lasting = ({ workloads }: Way): Workload[] =>
  workloads.filter(({ kind }) => kind !== 'CronJob')
const target = ({ kind, name }: Workload): string => `${kind.toLowerCase()}/${name}`

export const podsOf = ({ cluster, namespace }: Way, { name }: Workload): Promise<Pod[]> =>
  listPods(cluster, namespace, `app=${name}`)

/** Asks every pod of every server. */
export async function askAll(way: Way, path: string, wanted: string | RegExp): Promise<void> {
  for (const one of way.workloads.filter(({ server }) => server !== undefined)) {
    for (const pod of await podsOf(way, one)) {
      way.t.match(await askPod(pod, path), wanted, `${path} of ${pod.metadata.name}`)
    }
  }
}

let minute = 29_000_000

/** Runs the CronJob now, under a name as its controller gives it. */
export async function runJob({ t, person, namespace, workloads }: Way): Promise<void> {
  for (const { name } of workloads.filter(({ kind }) => kind === 'CronJob')) {
    const job = `${name}-${(minute += 1)}`
    await person.type(`kubectl create job -n ${namespace} ${job} --from=cronjob/${name}`)
    const wait = `kubectl wait -n ${namespace} job/${job} --timeout=120s`
    await person.type(`${wait} --for=condition=complete`)
    t.comment(`${job} ran`)
  }
}

export async function rolledOut(way: Way): Promise<void> {
  for (const one of lasting(way)) {
    await way.person.type(
      `kubectl rollout status -n ${way.namespace} ${target(one)} --timeout=180s`
    )
  }
  await until(
    'the former pods to be gone',
    async () => {
      const counts = await Promise.all(
        lasting(way).map(async (one) => (await podsOf(way, one)).length)
      )
      return lasting(way).every(({ pods }, at) => pods === counts[at]) || undefined
    },
    patience
  )
}

export async function roll(way: Way): Promise<void> {
  const all = lasting(way).map(target).join(' ')
  await way.person.type(`kubectl rollout restart -n ${way.namespace} ${all}`)
  await rolledOut(way)
}

/** How many containers run. */
export const running = (way: Way): number =>
  lasting(way).reduce(
    (sum, { pods, calls }) =>
      sum + pods * Object.keys(calls).filter((one) => one !== 'setup').length,
    0
  )

export async function containers({ person, namespace }: Way): Promise<ContainerView[]> {
  const { stdout } = await person.run(`secco ps -n ${namespace} -o json`)
  return (JSON.parse(stdout) as { items: ContainerView[] }).items
}

export async function denials({ person, namespace }: Way, more = ''): Promise<DenialView[]> {
  const { stdout } = await person.run(`secco denials -n ${namespace} -o json ${more}`)
  return (JSON.parse(stdout) as { items: DenialView[] }).items
}
