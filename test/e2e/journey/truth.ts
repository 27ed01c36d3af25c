import { readFile } from 'node:fs/promises'
import type { ContainerView } from '../../../webhook/confinement/containers/container-view.js'
import { containerIdOf, listPods, type Pod } from '../../helpers/kubernetes/pods.js'
import { until } from '../../helpers/until.js'
import { containers, denials, patience, profilesOf, type Way } from './way.js'

/** What one source says of the containers of a namespace: `POD/CONTAINER 2 filter`, sorted. */
type Said = readonly string[]

/** Reads a page as its text, or fails. */
export type ReadPage = (path: string) => Promise<string>

/** States in which a filter is in the kernel. */
const filtered: ReadonlySet<string> = new Set(['enforced', 'audit', 'runtime-default', 'other'])

const line = (pod: string, container: string, has: boolean): string =>
  `${pod}/${container} ${has ? 'filter' : 'no filter'}`

/** Returns the processes of the node's containers, by the id of the container: the runtime's own list. */
async function pids({ cluster }: Way): Promise<Map<string, string>> {
  const lines = (await cluster.node().ctr('tasks', 'list')).split('\n').slice(1)
  return new Map(
    lines.flatMap((each) => {
      const [id, pid, status] = each.trim().split(/\s+/)
      return id !== undefined && pid !== undefined && status === 'RUNNING' ? [[id, pid]] : []
    })
  )
}

/** Returns the running pods of the namespace with the containers that run in each. */
async function runningPods(way: Way): Promise<[Pod, string[]][]> {
  const pods = await listPods(way.cluster, way.namespace, '')
  return pods.map((pod) => {
    const { containerStatuses = [], initContainerStatuses = [] } = pod.status
    const all = [...containerStatuses, ...initContainerStatuses]
    return [pod, all.filter(({ state }) => state.running !== undefined).map(({ name }) => name)]
  })
}

/** Returns what the kernel says, by proc(5), of the containers that the API server says run. */
async function byKernel(way: Way): Promise<Said> {
  const ids = await pids(way)
  const lines: string[] = []
  for (const [pod, names] of await runningPods(way)) {
    for (const name of names) {
      const status = await readFile(
        `/proc/${ids.get(containerIdOf(pod, name)) ?? ''}/status`,
        'utf8'
      )
      lines.push(line(pod.metadata.name, name, /^Seccomp:\s*2$/m.test(status)))
    }
  }
  return lines.sort()
}

const byContainers = (all: readonly ContainerView[]): Said =>
  all.map(({ pod, name, state }) => line(pod, name, filtered.has(state))).sort()

/** Returns how many running containers of a profile have it by the pods' own fields and the kernel, and how many there are. */
async function inForce(way: Way, profile: string, kernel: Said): Promise<[number, number]> {
  const [workload = '', container = ''] = profile.split('.')
  let [own, all] = [0, 0]
  for (const [pod, names] of await runningPods(way)) {
    if (pod.metadata.labels?.['app'] !== workload || !names.includes(container)) continue
    all += 1
    const field = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(
      ({ name }) => name === container
    )?.securityContext?.seccompProfile
    const isOwn = field?.localhostProfile?.includes(`/${way.namespace}/${profile}/`) === true
    if (isOwn && kernel.includes(line(pod.metadata.name, container, true))) own += 1
  }
  return [own, all]
}

const forceIn = (text: string): string =>
  /in force: (\d+ of \d+|no container)/.exec(text)?.[1] ?? ''

/** Compares what pages and verbs say of each profile with the kernel. Returns the row of the step. */
async function compare(way: Way, read: ReadPage): Promise<string> {
  const { person, namespace } = way
  const kernel = await byKernel(way)
  const json = byContainers(await containers(way))
  if (json.join() !== kernel.join())
    throw new Error(`secco ps: ${json.join(', ')}; kernel: ${kernel.join(', ')}`)
  const force: string[] = []
  for (const name of profilesOf(way)) {
    const page = forceIn(await read(`/review/${namespace}/${name}`))
    const said = await person.run(`secco promote ${namespace}/${name} enforce --dry-run`)
    const [own, all] = await inForce(way, name, kernel)
    const wanted = all === 0 ? 'no container' : `${own} of ${all}`
    if (said.code === 0 && (page !== wanted || forceIn(said.said) !== wanted))
      throw new Error(`${name}: page ${page}; promote ${said.said}; kernel ${wanted}`)
    force.push(
      `${name}: page ${page || '-'}, promote ${forceIn(said.said) || '-'}, kernel ${wanted}`
    )
  }
  const open = (await denials(way)).filter(({ state }) => state === 'open')
  const listed = await read('/denials')
  for (const { syscall } of open)
    if (!listed.includes(syscall)) throw new Error(`the page of denials leaves out ${syscall}`)
  const filters = kernel.filter((one) => !one.endsWith(' no filter')).length
  return (
    `kernel: ${filters} of ${kernel.length} containers have a filter, as secco ps says; ` +
    `${open.length} open denials on the page and in -o json; ${force.join('; ')}`
  )
}

/** Waits until all sources say the same, and says what; the row of a step. */
export async function truth(way: Way, after: string, read: ReadPage): Promise<string> {
  let row = ''
  await until(
    `pages, verbs and kernel to agree after ${after}`,
    async (note) => {
      try {
        row = await compare(way, read)
        return true
      } catch (error) {
        note(String(error))
        return undefined
      }
    },
    { ...patience, everyMs: 1000 }
  )
  way.t.pass(`${after}: ${row}`)
  return row
}
