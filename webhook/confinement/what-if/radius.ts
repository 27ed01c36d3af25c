import { machine } from 'node:os'
import { parseSelector } from '../../../src/rules/parse-selector.js'
import { abisOfMachine } from '../../../src/syscalls/abi.js'
import { Slices } from '../../../src/lib/slices.js'
import type { Confinement } from '../containers/confinement.js'
import { blastRadius, type RadiusQuestion, type RunningRadius, wantedBy } from './blast-radius.js'
import { type EarlierUse, earlierUse } from './earlier-use.js'
import { whenWords } from './radius-words.js'
import { planOf } from './simulation-plan.js'

/** RadiusWorkload is a workload with what would be denied to it. */
interface RadiusWorkload extends EarlierUse {
  /** Running containers that used it; 0: an earlier run did. */
  containers: number
  calls: number
  /** Whether any container of the workload runs. */
  running: boolean
  /** Whether it runs, and when it used what would be denied, in words. Absent: from an earlier hub. */
  when?: string
}

/** Radius is what would be denied to running containers, and to workloads whose earlier runs used what is denied. */
export interface Radius extends Omit<RunningRadius, 'workloads'> {
  /** Those of running containers first. */
  workloads: RadiusWorkload[]
  /** Number of workloads of which only earlier runs used what `deny` has; of a whole profile nobody asks this. */
  earlier: number
  /** Workloads whose histories were not read for that. */
  unread: number
  /** Workloads that used it earlier, and whose labels or profile then are not known: they may be meant. */
  unplaced: number
}

/**
 * Returns which workloads have a running container, `namespace Kind/name`, and whether one of these has the labels or the
 * profile that the question is about.
 */
async function runningWorkloads(
  confinement: Confinement,
  { profile, selector }: Pick<RadiusQuestion, 'profile' | 'selector'>
): Promise<ReadonlyMap<string, boolean>> {
  const { views, sources } = confinement
  const isMeant = wantedBy(confinement, {
    ...(profile === undefined ? {} : { profile }),
    ...(selector === undefined ? {} : { selector })
  })
  const found = new Map<string, boolean>()
  const slices = new Slices()
  for (const { id } of [...sources.hub.inventory.all()]) {
    const view = views.peek(id)
    if (view !== undefined) {
      const place = `${view.namespace} ${view.workload}`
      found.set(place, found.get(place) === true || isMeant(id))
    }
    await slices.pause()
  }
  return found
}

/** Replays the recorded syscalls of running containers, and asks profiles and histories who used what is denied before. */
export async function radiusOf(
  confinement: Confinement,
  question: RadiusQuestion
): Promise<Radius> {
  const radius = await blastRadius(confinement, question)
  const now = radius.workloads.map((one) => ({
    ...{ ...one, certain: true, lastUsed: '', firstUsed: '', running: true },
    when: whenWords({ containers: one.containers, running: true })
  }))
  const { deny, profile, namespace, selector, sees = () => true } = question
  if (deny === undefined) {
    return { ...radius, workloads: now, earlier: 0, unread: 0, unplaced: 0 }
  }
  const [native = 'x86_64'] = abisOfMachine(machine())
  const listed = new Set(now.map((one) => `${one.namespace} ${one.workload}`))
  const running = await runningWorkloads(confinement, question)
  const { workloads, ...others } = await earlierUse(confinement.sources, {
    plan: planOf({ deny, native }),
    ...{ profile, selector: selector === undefined ? undefined : parseSelector(selector) },
    isAsked: (each) => (namespace ?? each) === each && sees(each),
    isMeant: (each, workload) => running.get(`${each} ${workload}`),
    isListed: (each, workload) => listed.has(`${each} ${workload}`)
  })
  const earlier = workloads.map((one) => {
    const all = { ...one, running: running.has(`${one.namespace} ${one.workload}`), containers: 0 }
    return { ...all, calls: 0, when: whenWords({ ...all, missingNodes: radius.missingNodes }) }
  })
  return { ...radius, workloads: [...now, ...earlier], earlier: earlier.length, ...others }
}
