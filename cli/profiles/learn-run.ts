import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'
import type { ObjectRef } from '../../src/store/store.js'
import type { Recorded } from '../../webhook/hub/hub-types.js'
import type { NodeView } from '../../webhook/views/view.js'
import { plain } from '../lib/io.js'
import { doubtWithoutRun, notComplete, notRecorded, type RunFacts } from './learn-evidence.js'
import { askDenials, deniedBetween, type RecordedDenials } from './learn-denials.js'
import {
  type Doubt,
  keyOf,
  type LearnArgs,
  type LearnDependencies,
  type LearnState,
  noneAsked,
  type RunDenials
} from './learn-state.js'
import { nearNames } from './near-names.js'
import { askRecorded } from './learn-recorded.js'
import { RunWatch } from './run-watch.js'

/** A run of the test command: what is watched during it, and what was known before. */
export interface LearnRun {
  watch: RunWatch
  before: SeccompProfile | undefined
  /** Undefined without a baseline, and when no hub answered. */
  deniedBefore: RecordedDenials | undefined
  nodesBefore: readonly NodeView[] | undefined
  /** What the nodes had sent when the command began. */
  recordedBefore: Recorded | undefined
  /** When the newest command ended. */
  endedAt: number
}

/** Starts to watch, and says at once when no profile has the name. @throws SeccoError UNAVAILABLE without a hub */
export async function startRun(
  dependencies: LearnDependencies,
  args: LearnArgs
): Promise<LearnRun> {
  const { io, hub, now } = dependencies
  const report = (text: string): void => io.stderr(`${plain(text)}\n`)
  const watch = await RunWatch.start({ open: hub, key: keyOf(args.ref), report, now })
  try {
    return await knownBefore(dependencies, args, { watch, report })
  } catch (error) {
    // A name that the store does not take, for example: a watch that stays open keeps the program.
    await watch.close()
    throw error
  }
}

/** Returns what is known before the command begins. */
async function knownBefore(
  dependencies: LearnDependencies,
  { ref, baseline }: LearnArgs,
  { watch, report }: { watch: RunWatch; report: (text: string) => void }
): Promise<LearnRun> {
  const { store, now } = dependencies
  const key = keyOf(ref)
  // What ended before the command has to be known before it: no clock of a node is compared with another one.
  const recordedBefore = await watch.recorded(ref, { mustAnswer: true })
  const before = await store.get('SeccompProfile', ref)
  if (before === undefined) {
    const known = await knownNames(dependencies, ref, watch)
    const near = nearNames(key, known)
    if (!known.includes(key)) {
      if (baseline !== undefined) mustBeOf(key, baseline)
      for (const line of unknownYet(key, near)) report(line)
    }
  }
  const nodesBefore = await watch.nodes()
  const deniedBefore = baseline && (await watch.denials(ref))
  return { watch, before, deniedBefore, nodesBefore, recordedBefore, endedAt: now() }
}

/** Rejects the baseline of another workload for a name of which nothing is known: it is a slip of the pen. @throws SeccoError */
function mustBeOf(key: string, { path, owner }: NonNullable<LearnArgs['baseline']>): void {
  if (owner === undefined || owner === key) return
  throw new SeccoError('NOT_FOUND', `nothing is known of ${key}, and ${path} is of ${owner}`, {
    hint: `correct the name (did you mean ${owner}?), or remove "profile" from ${path} if the workload has a new name`,
    exitCode: 2
  })
}

/** Says before the command runs what becomes of a name that nothing has. */
function unknownYet(key: string, near: readonly string[]): string[] {
  const meant = near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`
  return [
    `no profile has the name ${key}, and no running container is learned into it${meant}`,
    'the command runs now; unless it starts a container of this name, nothing is proven (exit code 5)'
  ]
}

/** Lists the names of profiles, and of what running containers are learned into. */
async function knownNames(
  { store }: LearnDependencies,
  { namespace }: ObjectRef,
  watch?: RunWatch
): Promise<string[]> {
  const profiles = await store.list('SeccompProfile', namespace).catch(() => [])
  const keys = profiles.map(({ metadata }) => `${metadata.namespace ?? namespace}/${metadata.name}`)
  return [...keys, ...(watch?.learned() ?? [])]
}

/**
 * Makes the store have what was recorded until now, and returns what it lacks. Whoever only looks at the store needs no hub.
 * @throws SeccoError UNAVAILABLE and others of the hub, where no run is watched
 */
export async function recordedNow(
  { hub }: LearnDependencies,
  { ref, baseline }: LearnArgs,
  run: LearnRun | undefined
): Promise<Recorded | undefined> {
  if (run !== undefined) return run.watch.recorded(ref)
  return baseline && askRecorded(await hub(), ref)
}

/**
 * Returns which calls were denied in the run, and without a run all that are known. Only a baseline says which are new.
 * @throws SeccoError UNAVAILABLE and others of the hub, where no run is watched
 */
export async function deniedNow(
  { hub }: LearnDependencies,
  { ref, baseline }: LearnArgs,
  run: LearnRun | undefined
): Promise<RunDenials> {
  if (baseline === undefined) return noneAsked
  if (run === undefined) return deniedBetween(undefined, await askDenials(await hub(), ref))
  const after = await run.watch.denials(ref)
  // A hub that does not answer was reported as away.
  if (after === undefined || run.deniedBefore === undefined) return noneAsked
  return deniedBetween(run.deniedBefore, after)
}

async function factsOf(
  dependencies: LearnDependencies,
  { ref }: LearnArgs,
  { watch, before, nodesBefore, recordedBefore }: LearnRun,
  { profile: after, recorded }: LearnState
): Promise<RunFacts> {
  const nodesAfter = await watch.nodes()
  const known = after === undefined ? await knownNames(dependencies, ref, watch) : []
  const key = keyOf(ref)
  return {
    ...{
      key,
      before,
      after,
      seen: watch.seen(),
      coverage: watch.coverage(),
      hubAway: watch.hubAway()
    },
    ...{ recorded, nodesBefore, nodesAfter, recordedBefore, near: nearNames(key, known) }
  }
}

/** Returns why the command proves nothing about the workload; undefined when it does. */
export async function doubtOf(
  dependencies: LearnDependencies,
  args: LearnArgs,
  run: LearnRun | undefined,
  state: LearnState
): Promise<Doubt | undefined> {
  const { profile, missing, recorded, denied } = state
  const required = args.isRequired ? missing.find(({ item }) => item !== 'quiet') : undefined
  const lacks = required && {
    reason: `required evidence is missing: ${required.item} (${required.detail})`,
    ...{ next: required.next ?? '', waitMs: 0 }
  }
  if (run !== undefined) {
    const facts = await factsOf(dependencies, args, run, state)
    return notRecorded(facts) ?? (args.baseline && (notComplete(facts) ?? denied.doubt ?? lacks))
  }
  const near = profile ? [] : nearNames(keyOf(args.ref), await knownNames(dependencies, args.ref))
  const nodes = args.baseline && (await nodesOf(dependencies))
  const facts = { key: keyOf(args.ref), profile, nodes, near, recorded }
  const doubt = doubtWithoutRun(facts, dependencies.now())
  return profile === undefined || args.baseline ? (doubt ?? denied.doubt ?? lacks) : undefined
}

/** Lists the nodes; undefined where the user may not. @throws SeccoError UNAVAILABLE and others of the hub */
async function nodesOf({ hub }: LearnDependencies): Promise<NodeView[] | undefined> {
  try {
    return await (await hub()).list<NodeView>('/api/v1/nodes')
  } catch (error) {
    if (toSeccoError(error).code === 'FORBIDDEN') return undefined
    throw error
  }
}
