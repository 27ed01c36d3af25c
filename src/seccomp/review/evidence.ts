import { runOf } from '../../api/instance-id.js'
import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { plural } from '../../lib/plural.js'
import type { Abi } from '../../syscalls/abi.js'
import { fromBitmap } from '../../syscalls/bitmap.js'
import { type DeniedCall, deniedWordsOf, waitingCalls } from './denied-calls.js'
import {
  entryInstances,
  failedRuns,
  failedText,
  isEntry,
  withoutFailedRuns
} from './counted-instances.js'
import type { EvidenceItem, Instance } from './evidence-item.js'
import { killingSignal } from '../../history/endings.js'
import { askAgain, lossEvidence, type NodeLoss } from './lost-calls.js'
import { isQuietFor, quietOf, quietText } from './quiet.js'
import { leastInstances } from './unseen.js'

/** Instances of the newest image that should have been seen from their first instruction. */
const leastOfImage = 3
const hour = 3_600_000

/** Names that an instance used, as `abi name` beyond x86_64 and aarch64, whose names stand alone. */
export function namesOf(set: Partial<Record<Abi, string>> | undefined): string[] {
  return (Object.entries(set ?? {}) as [Abi, string][]).flatMap(([abi, bits]) =>
    fromBitmap(abi, bits).map((name) =>
      abi === 'x86_64' || abi === 'aarch64' ? name : `${abi} ${name}`
    )
  )
}

const distinct = (values: readonly (string | undefined)[]) =>
  [...new Set(values.filter((value) => value !== undefined && value !== ''))].sort() as string[]

/** The image of the instance that appeared last. */
export function newestImage(instances: readonly Instance[]): string | undefined {
  const named = instances.filter(({ image }) => image !== undefined && image !== '')
  const started = (one: Instance) => `${one.firstSeen ?? one.lastSeen} ${one.id}`
  return named.reduce<Instance | undefined>(
    (newest, one) => (newest === undefined || started(one) > started(newest) ? one : newest),
    undefined
  )?.image
}

/** Returns whether an instance shows what its program calls while it starts. */
const showsStart = ({ complete, denied = 0, ended, events = [] }: Instance) =>
  // While its profile denies it calls and it does not serve yet, nobody knows how its start ends.
  complete && (denied === 0 || ended || events.includes('serve'))

/**
 * Returns the image whose start was not recorded although its workload was; '' where no image is known, and undefined where
 * a start was recorded or nothing was. A start of an earlier image says nothing about the image that runs now.
 */
function unseenStartOf(profile: SeccompProfile): string | undefined {
  const instances = entryInstances(profile)
  // Probes and sessions alone were recorded of a container whose start was not.
  if ((profile.status?.instances ?? []).length === 0) return undefined
  const starts = instances.filter(showsStart)
  const image = starts.length === 0 ? undefined : newestImage(instances)
  const isUnknown = (one: Instance) => one.image === undefined || one.image === ''
  const isSeen = starts.some((one) => image === undefined || isUnknown(one) || one.image === image)
  return isSeen ? undefined : (image ?? '')
}

/**
 * Returns whether the workload was recorded and no start of it was, or none of the image that runs now: what the program
 * calls while it starts is then not in the profile.
 */
export function isStartUnseen(profile: SeccompProfile): boolean {
  return unseenStartOf(profile) !== undefined
}

/** Returns what a start that was not recorded means, as each place says it; '' where one was recorded. */
export function startUnseenText(profile: SeccompProfile): string {
  const image = unseenStartOf(profile)
  if (image === undefined) return ''
  const of = image === '' ? '' : ` of the image ${image}`
  return `No start${of} was recorded: what the program calls while it starts is not in the profile. A restart under it can fail`
}

/** The next step where no start was recorded. */
export const startUnseenNext =
  'restart one instance while its node records it, or let one start in audit first'

function item(name: string, ok: boolean, detail: string, next: string): EvidenceItem {
  return { item: name, ok, detail, ...(ok ? {} : { next }) }
}

/** Distinguishes too few instances from instances that were first seen late: each needs another step. */
function ofWhole(all: number, whole: number): EvidenceItem {
  const missed = all - whole
  return item(
    'whole',
    whole >= leastInstances,
    all === 0 ? 'none from its first instruction' : `${whole} of ${all} from the first instruction`,
    missed === 0
      ? `enough after ${leastInstances} instances: none was first seen late so far`
      : `restart it while its nodes record: ${plural(missed, 'instance')} ran already when first seen`
  )
}

function ofInstances(instances: readonly Instance[], failed: number): EvidenceItem[] {
  const whole = instances.filter(({ complete }) => complete).length
  const nodes = distinct(instances.map(({ node }) => node))
  const kernels = distinct(instances.map(({ kernel }) => kernel))
  const image = newestImage(instances)
  const images = distinct(instances.map((one) => one.image)).length
  const ofImage = instances.filter((one) => one.complete && one.image === image).length
  return [
    item(
      'instances',
      instances.length >= leastInstances,
      `${plural(instances.length, 'instance')} seen${failedText(failed)}`,
      `let it run at least ${leastInstances} times: scale it up, or restart it`
    ),
    ofWhole(instances.length, whole),
    item(
      'nodes',
      nodes.length >= 2,
      nodes.length === 0 ? 'on no node' : `on ${plural(nodes.length, 'node')}: ${nodes.join(', ')}`,
      'run it on a second node; with only one node this line stays open and nothing is missing'
    ),
    item(
      'kernels',
      kernels.length > 0,
      kernels.length === 0
        ? 'kernel unknown'
        : `on ${plural(kernels.length, 'kernel')}: ${kernels.join(', ')}`,
      instances.length === 0
        ? 'let it run while its node records: the satellite reports the kernel with the first instance'
        : 'upgrade the satellites: the kernel an instance ran on was not reported'
    ),
    item(
      'image',
      image !== undefined && ofImage >= leastOfImage,
      image === undefined
        ? 'image unknown'
        : `newest image ${image}: ${plural(ofImage, 'complete instance')}${images > 1 ? `, of ${plural(images, 'image')} in total` : ''}`,
      image === undefined
        ? 'outside Kubernetes the image can stay unknown: learn again after each upgrade'
        : `let at least ${leastOfImage} instances of the newest image start`
    )
  ]
}

/** A reload is no phase: the recorder counts calls, and none proves that a program read its configuration again. */
const phases = [
  ['start', 'start', 'restart it while its nodes record'],
  ['serve', 'serving', 'send it realistic traffic, for example with its test suite'],
  ['stop', 'a stop', 'stop one instance the way the runtime does (SIGTERM), and wait for its end'],
  [
    'probe',
    'a probe, or another exec without a terminal,',
    'let its exec probes run, or a health check; if it has none, nothing is missing'
  ]
] as const

/** Without one of these no program waits for work of others. */
const listening = ['accept', 'accept4', 'listen', 'socketcall']

/**
 * Returns whether an instance was seen to serve. One that is no longer remembered left its syscalls, as did programs that
 * only were old enough to count as ready: these never listened.
 */
export function servingSeen({ status }: SeccompProfile): boolean {
  const { serving, observed = {} } = status ?? {}
  const instances = withoutFailedRuns(status?.instances ?? [])
  if (instances.some(({ events }) => events?.includes('serve') === true)) return true
  const listened = Object.values(observed).some((names) =>
    listening.some((name) => names.includes(name))
  )
  return serving !== undefined && listened
}

const signalsOf = (event: string): string[] => {
  const signal = killingSignal(event)
  return signal === undefined ? [] : [signal]
}

/** Describes the ends that are no stops. A program that is killed never makes the calls of its stop. */
function otherEnds(instances: readonly Instance[]): string {
  const own = instances.filter((one) => isEntry(one))
  const ended = (how: (event: string) => boolean) =>
    new Set(own.filter(({ events }) => events?.some(how)).map(({ id }) => runOf(id))).size
  const signals = new Set(own.flatMap(({ events = [] }) => events.flatMap(signalsOf)))
  const known = [...signals].sort().map((signal) => {
    const killed = ended((event) => killingSignal(event) === signal)
    return `${plural(killed, 'instance')} killed (${signal})`
  })
  const unknown = ended((event) => event === 'ended')
  const rest = unknown === 0 ? [] : [`how ${plural(unknown, 'instance')} ended is not known`]
  const ends = [...known, ...rest]
  return ends.length === 0 ? '' : `: ${ends.join(', ')}`
}

/** Returns the item of a start that was not recorded: the one that can break a workload. */
const unseenStart = (profile: SeccompProfile): EvidenceItem => ({
  ...item('start', false, startUnseenText(profile), startUnseenNext),
  bad: true
})

function ofPhases(profile: SeccompProfile): EvidenceItem[] {
  const { probes } = profile.status ?? {}
  const instances = withoutFailedRuns(profile.status?.instances ?? [])
  const seen = new Set(instances.flatMap(({ events }) => events ?? []))
  // An event alone does not say whether the image that started is the one that runs.
  if (entryInstances(profile).some(showsStart)) seen.add('start')
  if (instances.some(({ part }) => part === 'probe') || probes !== undefined) seen.add('probe')
  if (servingSeen(profile)) seen.add('serve')
  return phases.map(([phase, what, next]) => {
    if (phase === 'start' && isStartUnseen(profile)) return unseenStart(profile)
    const ok = seen.has(phase)
    const why = phase === 'stop' && !ok ? otherEnds(instances) : ''
    return item(phase, ok, `${what} ${ok ? 'seen' : 'not seen'}${why}`, next)
  })
}

/** The next step where calls are denied that nobody has approved. */
export const decideNext = 'review each: allow it, mute it, or fix the program'

/** A profile that denies what the workload asks for, or would in enforce mode, is not complete. */
function ofDenied(
  profile: SeccompProfile,
  denied: readonly DeniedCall[] | undefined
): EvidenceItem {
  if (denied === undefined)
    return item('denied', false, 'what is denied to it is not known', askAgain)
  const isPinned = profile.spec.ladder?.revision !== undefined
  const next =
    waitingCalls(profile, denied).length > 0
      ? decideNext
      : isPinned
        ? 'leave the pin: promote the profile'
        : 'once the nodes have what is approved, restart what runs under an earlier revision'
  return item('denied', denied.length === 0, deniedWordsOf(profile, denied), next)
}

/**
 * Returns the evidence that the profile is complete, each piece with the next step if it is not. Pure; `now` in ms.
 * A list that is all ok is no proof: it says that the usual ways to miss something were not taken.
 * @param denied the calls that are denied to it now or would be; a muted one is decided; undefined where nobody knows
 * @param nodes what nodes did not record; undefined where nobody knows
 */
export function evidenceOf(
  profile: SeccompProfile,
  now: number,
  denied?: readonly DeniedCall[],
  nodes?: readonly NodeLoss[]
): EvidenceItem[] {
  const waiting = denied?.filter(({ muted }) => muted !== true)
  const instances = entryInstances(profile)
  const abis = Object.entries(profile.status?.observed ?? {})
    .filter(([, names]) => names.length > 0)
    .map(([abi]) => abi)
    .sort()
  const quiet = quietOf(profile, now, nodes)
  return [
    ...ofInstances(instances, failedRuns(profile.status?.instances ?? []).size),
    item(
      'abis',
      abis.length > 0,
      abis.length === 0 ? 'no syscall seen' : `syscalls through ${abis.join(', ')}`,
      'let the workload run under a satellite that records'
    ),
    ...ofPhases(profile),
    ofDenied(profile, waiting),
    lossEvidence((profile.status?.instances ?? []).filter(isEntry), nodes),
    item(
      'quiet',
      nodes !== undefined && isQuietFor(quiet, hour),
      nodes === undefined ? 'how long it was recorded is not known' : quietText(quiet),
      nodes === undefined
        ? askAgain
        : 'let it run until nothing new appears: at least an hour, better through its busiest day'
    )
  ]
}
