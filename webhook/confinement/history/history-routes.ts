import { rootNamespace } from '../../../src/api/names.js'
import { type HistoryLine, historyLines } from '../../../src/history/history-lines.js'
import { type WorkloadHistory, type WorkloadKey } from '../../../src/history/workload-history.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { type HistoryRecorder, installationKey } from '../../hub/history/history-recorder.js'
import type { Confinement } from '../containers/confinement.js'
import { type ConfinementRoute, textOf } from '../containers/route.js'

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

/** Returns whether a person may list profiles in a namespace; undefined: in all of them. */
type MayList = (namespace: string | undefined) => Promise<boolean>

/**
 * Returns the histories of the workloads of a name that the person may read. What concerns the installation is read by
 * people with the right in Secco's own namespace, or in all of them.
 * @throws SeccoError NOT_FOUND: no workload of the name has one; UNAVAILABLE and others of the store
 */
export async function historiesOf(
  history: HistoryRecorder,
  { text, namespace }: { text: string; namespace: string | undefined },
  mayList: MayList
): Promise<HistoryAnswer> {
  const readable = await Promise.all(
    named(history, text, namespace).map(async (one) =>
      (await mayList(one.namespace)) ? await history.get(one) : undefined
    )
  )
  const known = readable.filter((one) => one !== undefined)
  if (known.length === 0) {
    const where = namespace === undefined ? text : `${namespace}/${text}`
    throw new SeccoError('NOT_FOUND', `workload ${where} has no history`, {
      hint: 'list the workloads: secco get workloads -A'
    })
  }
  const installation = await installationFor(history, mayList)
  return {
    items: known.map((one) => ({ ...one, lines: historyLines(one, installation) })),
    installation: installation ?? null
  }
}

async function installationFor(
  history: HistoryRecorder,
  mayList: MayList
): Promise<WorkloadHistory | undefined> {
  return (await mayList(rootNamespace)) ? history.get(installationKey) : undefined
}

/** A page stays what it was when Secco is restarted; the verb lists that too. */
function withoutRestarts(installation: WorkloadHistory | undefined): WorkloadHistory | undefined {
  if (installation === undefined) return undefined
  return { ...installation, events: installation.events.filter(({ what }) => what !== 'secco') }
}

/** A page stays what it was when a rule is added; the verb lists that too. */
const isOfRule = ({ text }: HistoryLine): boolean => text.startsWith('rule ')

/** Returns the lines of every workload that is learned into a profile, newest last; those of its page. */
export async function linesOfProfile(
  history: HistoryRecorder,
  profile: string,
  mayList: MayList
): Promise<HistoryLine[]> {
  const workloads = history.workloadsOf(profile)
  const found = await Promise.all(workloads.map((one) => history.get(one)))
  const installation = withoutRestarts(await installationFor(history, mayList))
  const known = found.filter((one) => one !== undefined)
  // What concerns every workload is said once.
  return known
    .flatMap((one, at) => historyLines(one, at === 0 ? installation : undefined))
    .filter((line) => !isOfRule(line))
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
}

export function historyRoutes(confinement: Confinement): ConfinementRoute[] {
  return [
    {
      ...{ method: 'GET', url: '/api/v1/history', cli: 'secco history' },
      ...{ needs: { verb: 'list', resource: 'seccompprofiles' }, checked: true },
      summary:
        'What happened to a workload: starts, denials, decisions, deliveries, restarts of Secco',
      async handle({ query, actor, mayList }) {
        const workload = textOf(query['workload'])
        if (workload === undefined || workload === '') {
          throw new SeccoError('INVALID_ARGUMENT', 'workload: is missing', {
            hint: 'add ?workload=NAME, or KIND/NAME, and namespace=NAMESPACE'
          })
        }
        const namespace = textOf(query['namespace'])
        if (namespace !== undefined && !(await mayList(namespace))) {
          throw new SeccoError(
            'FORBIDDEN',
            `${actor} may not list seccompprofiles in ${namespace}`,
            {
              hint: `ask an administrator for the right to list seccompprofiles.secco.dev in ${namespace}`
            }
          )
        }
        return historiesOf(confinement.sources.hub.history, { text: workload, namespace }, mayList)
      }
    }
  ]
}
