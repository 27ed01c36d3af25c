import { rootNamespace } from '../../../src/api/names.js'
import { type HistoryLine, historyLines } from '../../../src/history/history-lines.js'
import { gapOfEvent } from '../../../src/history/recording-gap.js'
import { type WorkloadHistory, type WorkloadKey } from '../../../src/history/workload-history.js'
import { type RunningNow, withUnseenEnds } from '../../../src/history/unseen-ends.js'
import { earlierTime } from '../../../src/history/times.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { plural } from '../../../src/lib/plural.js'
import { quoted } from '../../../src/lib/shell-word.js'
import type { Denial } from '../../hub/denials/denial.js'
import { type HistoryRecorder } from '../../hub/history/history-recorder.js'
import { installationKey } from '../../hub/history/installation.js'
import { withNewestDenials } from '../../hub/history/observed-history.js'
import type { Confinement } from '../containers/confinement.js'
import { placeOf } from '../containers/container-names.js'
import type { ConfinementSources } from '../containers/sources.js'
import { type ConfinementCall, type ConfinementRoute, textOf } from '../containers/route.js'

/** HistoryAnswer is the answer of `GET /api/v1/history`. */
export interface HistoryAnswer {
  /** One for each container of the workload; its lines are newest last. */
  items: (WorkloadHistory & { lines: HistoryLine[] })[]
  /** What concerns every workload; its lines are among those of the items. null: there is none, or the person may not read it. */
  installation: WorkloadHistory | null
}

/** Returns the workloads of a name: NAME, KIND/NAME, or the name of the profile that they are learned into. */
function named(
  history: HistoryRecorder,
  text: string,
  namespace: string | undefined
): WorkloadKey[] {
  const isIn = (one: WorkloadKey) => (namespace ?? one.namespace) === one.namespace
  const found = history
    .workloads()
    .filter((one) => isIn(one) && (one.name === text || `${one.kind}/${one.name}` === text))
  if (found.length > 0) return found
  const namespaces = new Set(
    history
      .workloads()
      .filter(isIn)
      .map((one) => one.namespace)
  )
  return [...namespaces].flatMap((each) => history.workloadsOf(`${each}/${text}`))
}

/** KnownNow is what a hub knows of now, and a history may not have yet. */
export interface KnownNow extends RunningNow {
  /** The newest denials of all workloads. */
  denials: readonly Denial[]
}

const nothingKnown: KnownNow = {
  ...{ at: 0, bootOf: () => undefined, isRunning: () => true },
  denials: []
}

/** Returns what a hub knows of now. Only the nodes that it is asked about are looked at. */
export function knownNow(
  hub: Pick<ConfinementSources['hub'], 'node' | 'inventory' | 'denials'>
): KnownNow {
  const { inventory } = hub
  return {
    denials: hub.denials(),
    at: Date.now(),
    bootOf(name) {
      const node = hub.node(name)
      // A node that has reported no container yet may run any.
      return node?.connected === true && inventory.isComplete(name) ? node.bootId : undefined
    },
    isRunning: (node, id) => [...inventory.of(node)].some(({ container }) => container?.id === id)
  }
}

/** Returns a history with what happened since the last report that it has. */
function untilNow(
  history: WorkloadHistory,
  installation: WorkloadHistory | undefined,
  now: KnownNow
): WorkloadHistory {
  const newest = withNewestDenials(history, now.denials, new Date(now.at).toISOString())
  return withUnseenEnds(newest, installation, now)
}

type Sees = ConfinementCall['sees']

/**
 * Returns the histories of the workloads of a name.
 * @param sees whether the answer may be about a namespace; what concerns the installation is in Secco's own one
 * @throws SeccoError NOT_FOUND: no workload of the name has one; STORE_CORRUPT: one that cannot be read may be of it;
 *   UNAVAILABLE and others of the store
 */
export async function historiesOf(
  history: HistoryRecorder,
  { text, namespace }: { text: string; namespace: string | undefined },
  sees: Sees,
  now: KnownNow = nothingKnown
): Promise<HistoryAnswer> {
  const readable = named(history, text, namespace).filter((one) => sees(one.namespace))
  const found = await Promise.all(readable.map((one) => history.get(one)))
  const known = found.filter((one) => one !== undefined)
  if (known.length === 0) {
    const where = namespace === undefined ? text : `${namespace}/${text}`
    const damaged = history.unreadable()
    if (damaged.length > 0) {
      const names = damaged.slice(0, 3).join(', ')
      const what = `${plural(damaged.length, 'history', 'histories')} of unknown workloads cannot`
      throw new SeccoError(
        'STORE_CORRUPT',
        `workload ${where} has no history that can be read; ${what}: ${names}`,
        { hint: `correct or delete these ConfigMaps in ${rootNamespace}, then restart the hub` }
      )
    }
    throw new SeccoError('NOT_FOUND', `workload ${where} has no history`, {
      hint: `list the workloads: secco get workloads ${namespace === undefined ? placeOf(text) : `-n ${quoted(namespace)}`}`
    })
  }
  const whole = await history.get(installationKey)
  const installation = sees(rootNamespace) ? whole : undefined
  return {
    items: known.map((one) => {
      const ended = untilNow(one, whole, now)
      const lines = historyLines(ended, installation)
      // A report comes after what it is about.
      const since = earlierTime(ended.since, lines[0]?.at ?? ended.since)
      return { ...ended, since, lines }
    }),
    installation: installation ?? null
  }
}

/** A page stays what it was when Secco is restarted, and says what that has missed; the verb lists all of it. */
function withoutRestarts(installation: WorkloadHistory | undefined): WorkloadHistory | undefined {
  if (installation === undefined) return undefined
  return {
    ...installation,
    events: installation.events.filter(
      (one) => one.what !== 'secco' || gapOfEvent(one) !== undefined
    )
  }
}

/** A page stays what it was when a rule is added; the verb lists that too. */
const isOfRule = ({ text }: HistoryLine): boolean => text.startsWith('rule ')

const ofOneContainer: readonly string[] = [
  ...['start', 'found', 'stop', 'killed', 'ended', 'new', 'denial', 'drift']
]

/** Returns the lines without repetitions: a decision about the profile is in the history of each of its workloads. */
function onceEach(lines: readonly HistoryLine[]): HistoryLine[] {
  const said = new Set<string>()
  return lines.filter((line) => {
    if (ofOneContainer.includes(line.what)) return true
    const text = JSON.stringify(line)
    if (said.has(text)) return false
    said.add(text)
    return true
  })
}

/**
 * Returns the lines of every workload that is learned into a profile, newest last; those of its page.
 * @param isWhole whether they include what concerns the installation
 */
export async function linesOfProfile(
  history: HistoryRecorder,
  profile: string,
  isWhole: boolean,
  now: KnownNow = nothingKnown
): Promise<HistoryLine[]> {
  const workloads = history.workloadsOf(profile)
  const found = await Promise.all(workloads.map((one) => history.get(one)))
  const whole = await history.get(installationKey)
  const installation = isWhole ? withoutRestarts(whole) : undefined
  const known = found.flatMap((one) => (one === undefined ? [] : untilNow(one, whole, now)))
  // What concerns every workload is said once.
  const lines = known
    .flatMap((one, at) => historyLines(one, at === 0 ? installation : undefined))
    .filter((line) => !isOfRule(line))
  return onceEach(lines).sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
}

export function historyRoutes(confinement: Confinement): ConfinementRoute[] {
  const history = () => confinement.sources.hub.history
  return [
    {
      ...{ method: 'GET', url: '/api/v1/history', cli: 'secco history WORKLOAD' },
      needs: { verb: 'list', resource: 'seccompprofiles' },
      namespaced: true,
      others: (query) => [
        rootNamespace,
        ...named(history(), textOf(query['workload']) ?? '', textOf(query['namespace'])).map(
          (one) => one.namespace
        )
      ],
      summary:
        'What happened to a workload: starts, denials, decisions, deliveries, restarts of Secco',
      handle({ query, sees }) {
        const workload = textOf(query['workload'])
        if (workload === undefined || workload === '') {
          throw new SeccoError('INVALID_ARGUMENT', 'workload: is missing', {
            hint: 'add ?workload=NAME, or KIND/NAME, and namespace=NAMESPACE'
          })
        }
        const namespace = textOf(query['namespace'])
        const now = knownNow(confinement.sources.hub)
        return historiesOf(history(), { text: workload, namespace }, sees, now)
      }
    }
  ]
}
