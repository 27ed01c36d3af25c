import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { toSeccoError } from '../../src/lib/errors.js'
import type { ObjectRef } from '../../src/store/store.js'
import type { NodeView } from '../../webhook/views/view.js'
import { plain } from '../lib/io.js'
import {
  type Doubt,
  doubtWithoutRun,
  notComplete,
  notRecorded,
  type RunFacts
} from './learn-evidence.js'
import { keyOf, type LearnArgs, type LearnDependencies, type LearnState } from './learn-state.js'
import { nearNames } from './near-names.js'
import { RunWatch } from './run-watch.js'

/** A run of the test command: what is watched during it, and what was known before. */
export interface LearnRun {
  watch: RunWatch
  before: SeccompProfile | undefined
  nodesBefore: readonly NodeView[] | undefined
  startedAt: number
  /** When the newest command ended. */
  endedAt: number
}

/** Starts to watch, and says at once when no profile has the name. @throws SeccoError UNAVAILABLE without a hub */
export async function startRun(
  dependencies: LearnDependencies,
  { ref }: LearnArgs
): Promise<LearnRun> {
  const { io, store, hub, now } = dependencies
  const key = keyOf(ref)
  const report = (text: string): void => io.stderr(`${plain(text)}\n`)
  const watch = await RunWatch.start({ open: hub, key, report, now })
  const before = await store.get('SeccompProfile', ref)
  if (before === undefined) {
    const near = nearNames(key, await knownNames(dependencies, ref, watch))
    const hint = near.length === 0 ? '' : `; there is ${near.join(', ')}`
    report(`nothing is known of ${key} yet${hint}; waiting for a container of this name`)
  }
  const nodesBefore = await watch.nodes()
  return { watch, before, nodesBefore, startedAt: now(), endedAt: now() }
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

async function factsOf(
  dependencies: LearnDependencies,
  { ref }: LearnArgs,
  { watch, before, nodesBefore, startedAt }: LearnRun,
  after: SeccompProfile | undefined
): Promise<RunFacts> {
  const nodesAfter = await watch.nodes()
  const known = after === undefined ? await knownNames(dependencies, ref, watch) : []
  const key = keyOf(ref)
  return {
    ...{ key, before, after, seen: watch.seen(), hubAway: watch.hubAway() },
    ...{ nodesBefore, nodesAfter, startedAt, near: nearNames(key, known) }
  }
}

/** Returns why the command proves nothing about the workload; undefined when it does. */
export async function doubtOf(
  dependencies: LearnDependencies,
  args: LearnArgs,
  run: LearnRun | undefined,
  { profile, missing }: LearnState
): Promise<Doubt | undefined> {
  const required = args.isRequired ? missing.find(({ item }) => item !== 'quiet') : undefined
  const lacks = required && {
    reason: `required evidence is missing: ${required.item} (${required.detail})`,
    ...{ next: required.next ?? '', waitMs: 0 }
  }
  if (run !== undefined) {
    const facts = await factsOf(dependencies, args, run, profile)
    return notRecorded(facts) ?? (args.baseline && (notComplete(facts) ?? lacks))
  }
  const near = profile ? [] : nearNames(keyOf(args.ref), await knownNames(dependencies, args.ref))
  const nodes = args.baseline && (await nodesOf(dependencies))
  const doubt = doubtWithoutRun({ key: keyOf(args.ref), profile, nodes, near }, dependencies.now())
  return profile === undefined || args.baseline ? (doubt ?? lacks) : undefined
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
