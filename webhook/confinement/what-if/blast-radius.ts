import { machine } from 'node:os'
import type { LinuxSeccomp, SeccompSyscall } from '../../../src/api/seccomp-profile.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { parseSelector } from '../../../src/rules/parse-selector.js'
import { selectorMatches } from '../../../src/rules/selector.js'
import { abisOfMachine } from '../../../src/syscalls/abi.js'
import { rowWords } from '../../hub/nodes/used-sets.js'
import { simulate, type WouldBeDenied } from './simulate.js'
import type { Confinement } from '../containers/confinement.js'

interface RadiusQuestion {
  seccomp?: LinuxSeccomp
  deny?: readonly SeccompSyscall[]
  /** Only containers of this profile, `namespace/name`. */
  profile?: string
  namespace?: string
  selector?: string
  /** Only containers of namespaces in which this is true; default: all. */
  sees?: (namespace: string) => boolean
  /** At most this many containers are listed; all are counted. */
  limit?: number
}

export interface RadiusContainer {
  key: string
  node: string
  namespace: string
  workload: string
  name: string
  pod: string
  since: string
  denied: WouldBeDenied[]
}

export interface Radius {
  considered: number
  without: number
  hit: number
  ms: number
  syscalls: { name: string; containers: number; calls: number }[]
  workloads: {
    namespace: string
    workload: string
    containers: number
    calls: number
    syscalls: string[]
  }[]
  containers: RadiusContainer[]
}

const usualLimit = 1000
/** All syscall numbers of the three ABIs of a machine. */
const mostDenied = 3 * rowWords * 32

/** Replays the recorded syscalls of running containers and lists what would have been denied. */
export function blastRadius(confinement: Confinement, question: RadiusQuestion): Radius {
  const started = performance.now()
  const { views, sources } = confinement
  const { namespace, profile, limit = usualLimit, sees = () => true } = question
  const selector = question.selector === undefined ? undefined : parseSelector(question.selector)
  const wanted = (id: string): boolean => {
    const view = views.peek(id)
    if (view === undefined || !sees(view.namespace)) return false
    if (namespace !== undefined && view.namespace !== namespace) return false
    if (profile !== undefined && view.learned !== profile && view.profile !== profile) return false
    return selector === undefined || selectorMatches(selector, views.labelsOf(id))
  }
  const syscalls = new Map<string, { containers: number; calls: number }>()
  const workloads = new Map<string, Radius['workloads'][number] & { names: Set<string> }>()
  const containers: RadiusContainer[] = []
  let hit = 0
  const counts = new Float64Array(mostDenied)
  const [native = 'x86_64'] = abisOfMachine(machine())
  const { considered } = simulate(
    sources.hub.sets,
    {
      native,
      ...(question.seccomp === undefined ? {} : { seccomp: question.seccomp }),
      ...(question.deny === undefined ? {} : { deny: question.deny })
    },
    wanted,
    (id, row, denials) => {
      const view = views.peek(id)
      if (view === undefined) return
      hit += 1
      const place = `${view.namespace} ${view.workload}`
      const own = workloads.get(place) ?? {
        ...{ namespace: view.namespace, workload: view.workload, containers: 0, calls: 0 },
        ...{ syscalls: [], names: new Set<string>() }
      }
      own.containers += 1
      const seen = new Set<string>()
      sources.hub.sets.countsOf(row, denials, counts)
      for (const [at, { syscall }] of denials.entries()) {
        const count = counts[at] ?? 0
        const sum = syscalls.get(syscall) ?? { containers: 0, calls: 0 }
        if (!seen.has(syscall)) sum.containers += 1
        seen.add(syscall)
        sum.calls += count
        own.calls += count
        own.names.add(syscall)
        syscalls.set(syscall, sum)
      }
      workloads.set(place, own)
      if (containers.length >= limit) return
      const { key, node, workload, name, pod } = view
      const since = sources.hub.sets.sinceOf(row)
      const denied = denials.map(({ abi, syscall, argument, certain }, at): WouldBeDenied => {
        return { abi, syscall, argument, count: counts[at] ?? 0, certain }
      })
      containers.push({ key, node, namespace: view.namespace, workload, name, pod, since, denied })
    }
  )
  const all = question.selector === undefined && profile === undefined && namespace === undefined
  const total = all
    ? sources.hub.inventory.size()
    : [...sources.hub.inventory.all()].filter(({ id }) => wanted(id)).length
  return {
    ...{ considered, without: Math.max(0, total - considered), hit },
    ms: Math.round((performance.now() - started) * 10) / 10,
    syscalls: [...syscalls]
      .map(([name, sum]) => ({ name, ...sum }))
      .sort((a, b) => b.containers - a.containers || (a.name < b.name ? -1 : 1)),
    workloads: [...workloads.values()]
      .map(({ names, ...one }) => ({ ...one, syscalls: [...names].sort() }))
      .sort((a, b) => b.containers - a.containers || (a.workload < b.workload ? -1 : 1)),
    containers
  }
}

/** Returns the profile of a revision that is named `profile` or `profile@digest`. @throws SeccoError NOT_FOUND. */
export async function revisionOfText(
  confinement: Confinement,
  text: string
): Promise<LinuxSeccomp> {
  const at = text.lastIndexOf('@')
  const key = at < 0 ? text : text.slice(0, at)
  const named = at < 0 ? undefined : text.slice(at + 1)
  const state = confinement.sources.hub.profiles().get(key)
  const digest = named ?? state?.enforce?.digest
  const bytes = digest === undefined ? undefined : await confinement.sources.hub.bytes(digest)
  if (bytes !== undefined) return JSON.parse(bytes.toString()) as LinuxSeccomp
  throw new SeccoError('NOT_FOUND', `${text}: this revision does not exist`, {
    hint: 'list the approved profiles, which have revisions: `secco get profiles -A -o wide`'
  })
}
