import type { Static } from 'typebox'
import type { InstanceEvidence } from '../../api/evidence-schema.js'
import type { SeccompProfile } from '../../api/seccomp-profile.js'
import { plural } from '../../lib/plural.js'
import type { Abi } from '../../syscalls/abi.js'
import { fromBitmap } from '../../syscalls/bitmap.js'
import { durationText } from '../../lib/duration.js'
import { leastInstances } from './unseen.js'

export type Instance = Static<typeof InstanceEvidence>

/** One piece of evidence that a profile is complete, or not yet. */
export interface EvidenceItem {
  /** Stable word for scripts. */
  item: string
  ok: boolean
  detail: string
  /** The next step if it is not ok. */
  next?: string
}

/** Instances of the newest image that should have been seen from their first instruction. */
const leastOfImage = 3
const hour = 3_600_000

const isEntry = (instance: Instance) => instance.part === undefined || instance.part === 'entry'

/** Matches the id of an entry point's instance: `node/boot/mntns.cgroup.generation`, with a pid where it has no cgroup. */
const idForm = /^(.+\/\d+\.\d+)\.\d+((?:\.\d+)?)$/

/** Returns where an instance ran: a satellite that restarted without its maps gives a container another generation. */
function placeOf({ id }: Instance): string {
  const [, place = id, pid = ''] = idForm.exec(id) ?? []
  return `${place}${pid}`
}

/**
 * Returns entry points' instances (probes and sessions are not the application). A restart of Secco is no instance: a
 * container that ran already when it was seen again counts once.
 */
export function entryInstances(profile: SeccompProfile): Instance[] {
  const entries = (profile.status?.instances ?? []).filter(isEntry)
  const began = (one: Instance) => one.firstSeen ?? one.lastSeen
  const first = new Map<string, Instance>()
  for (const one of entries) {
    const known = first.get(placeOf(one))
    if (known === undefined || began(one) < began(known)) first.set(placeOf(one), one)
  }
  return entries.filter((one) => one.complete || first.get(placeOf(one)) === one)
}

/** Names that an instance used, as `abi name` beyond x86_64 and aarch64, whose names stand alone. */
export function namesOf(set: Partial<Record<Abi, string>> | undefined): string[] {
  return (Object.entries(set ?? {}) as [Abi, string][]).flatMap(([abi, bits]) =>
    fromBitmap(abi, bits).map((name) =>
      abi === 'x86_64' || abi === 'aarch64' ? name : `${abi} ${name}`
    )
  )
}

/** Returns when something new was last seen, in ms; undefined if unknown. */
export function lastNewMs(profile: SeccompProfile): number | undefined {
  const { lastNew, instances = [] } = profile.status ?? {}
  // Documents of before lastNew: new was at most the newest moment at which anything was seen.
  const text =
    lastNew ?? instances.reduce((last, one) => (one.lastSeen > last ? one.lastSeen : last), '')
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
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

function ofInstances(instances: readonly Instance[]): EvidenceItem[] {
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
      `${plural(instances.length, 'instance')} seen`,
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
      'upgrade the satellites: the kernel an instance ran on was not reported'
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

const phases = [
  ['start', 'start', 'restart it while its nodes record'],
  ['serve', 'serving', 'send it realistic traffic, for example with its test suite'],
  [
    'reload',
    'a reload',
    'let it reload its configuration (often SIGHUP); if it cannot, nothing is missing'
  ],
  ['stop', 'a stop', 'stop one instance the way the runtime does (SIGTERM), and wait for its end'],
  [
    'probe',
    'a probe',
    'let its exec probes run, or a health check; if it has none, nothing is missing'
  ]
] as const

function ofPhases(profile: SeccompProfile): EvidenceItem[] {
  const { instances = [], probes } = profile.status ?? {}
  const seen = new Set(instances.flatMap(({ events }) => events ?? []))
  if (instances.some(({ complete, part }) => complete && (part ?? 'entry') === 'entry'))
    seen.add('start')
  if (instances.some(({ part }) => part === 'probe') || probes !== undefined) seen.add('probe')
  return phases.map(([phase, what, next]) =>
    item(phase, seen.has(phase), `${what} ${seen.has(phase) ? 'seen' : 'not seen'}`, next)
  )
}

/**
 * Returns the evidence that the profile is complete, each piece with the next step if it is not. Pure; `now` in ms.
 * A list that is all ok is no proof: it says that the usual ways to miss something were not taken.
 */
export function evidenceOf(profile: SeccompProfile, now: number): EvidenceItem[] {
  const instances = entryInstances(profile)
  const abis = Object.entries(profile.status?.observed ?? {})
    .filter(([, names]) => names.length > 0)
    .map(([abi]) => abi)
    .sort()
  const lost = instances.reduce((sum, one) => sum + (one.lost ?? 0), 0)
  const last = lastNewMs(profile)
  const quiet = last === undefined ? 0 : now - last
  return [
    ...ofInstances(instances),
    item(
      'abis',
      abis.length > 0,
      abis.length === 0 ? 'no syscall seen' : `syscalls through ${abis.join(', ')}`,
      'let the workload run under a satellite that records'
    ),
    ...ofPhases(profile),
    item(
      'lost',
      lost === 0,
      lost === 0 ? 'nothing lost' : `${plural(lost, 'event')} lost`,
      'see `secco get nodes -o wide` for the reason, and let it run again'
    ),
    item(
      'quiet',
      last !== undefined && quiet >= hour,
      last === undefined ? 'nothing new was ever seen' : `nothing new for ${durationText(quiet)}`,
      'wait until nothing new appears: at least an hour, better through its busiest day'
    )
  ]
}
