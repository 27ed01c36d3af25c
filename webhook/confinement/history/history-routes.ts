import { rootNamespace } from '../../../src/api/names.js'
import { type HistoryLine, historyLines } from '../../../src/history/history-lines.js'
import { type WorkloadHistory, type WorkloadKey } from '../../../src/history/workload-history.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { type HistoryRecorder, installationKey } from '../../hub/history/history-recorder.js'
import type { Confinement } from '../containers/confinement.js'
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

type Sees = ConfinementCall['sees']

/**
 * Returns the histories of the workloads of a name.
 * @param sees whether the answer may be about a namespace; what concerns the installation is in Secco's own one
 * @throws SeccoError NOT_FOUND: no workload of the name has one; UNAVAILABLE and others of the store
 */
export async function historiesOf(
  history: HistoryRecorder,
  { text, namespace }: { text: string; namespace: string | undefined },
  sees: Sees
): Promise<HistoryAnswer> {
  const readable = named(history, text, namespace).filter((one) => sees(one.namespace))
  const found = await Promise.all(readable.map((one) => history.get(one)))
  const known = found.filter((one) => one !== undefined)
  if (known.length === 0) {
    const where = namespace === undefined ? text : `${namespace}/${text}`
    throw new SeccoError('NOT_FOUND', `workload ${where} has no history`, {
      hint: 'list the workloads: secco get workloads -A'
    })
  }
  const installation = sees(rootNamespace) ? await history.get(installationKey) : undefined
  return {
    items: known.map((one) => ({ ...one, lines: historyLines(one, installation) })),
    installation: installation ?? null
  }
}

/** A page stays what it was when Secco is restarted; the verb lists that too. */
function withoutRestarts(installation: WorkloadHistory | undefined): WorkloadHistory | undefined {
  if (installation === undefined) return undefined
  return { ...installation, events: installation.events.filter(({ what }) => what !== 'secco') }
}

/** A page stays what it was when a rule is added; the verb lists that too. */
const isOfRule = ({ text }: HistoryLine): boolean => text.startsWith('rule ')

/**
 * Returns the lines of every workload that is learned into a profile, newest last; those of its page.
 * @param isWhole whether they include what concerns the installation
 */
export async function linesOfProfile(
  history: HistoryRecorder,
  profile: string,
  isWhole: boolean
): Promise<HistoryLine[]> {
  const workloads = history.workloadsOf(profile)
  const found = await Promise.all(workloads.map((one) => history.get(one)))
  const installation = isWhole ? withoutRestarts(await history.get(installationKey)) : undefined
  const known = found.filter((one) => one !== undefined)
  // What concerns every workload is said once.
  return known
    .flatMap((one, at) => historyLines(one, at === 0 ? installation : undefined))
    .filter((line) => !isOfRule(line))
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
}

export function historyRoutes(confinement: Confinement): ConfinementRoute[] {
  const history = () => confinement.sources.hub.history
  return [
    {
      ...{ method: 'GET', url: '/api/v1/history', cli: 'secco history' },
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
        return historiesOf(history(), { text: workload, namespace }, sees)
      }
    }
  ]
}
