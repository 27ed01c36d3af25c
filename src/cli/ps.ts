import type { ContainerView } from '../../webhook/truth/container-views.js'
import { type Io, paint } from './io.js'
import { age, type Column, type Output, printListing } from './output.js'
import { fleetList, followFleet, unionOf } from './fleet-list.js'
import { type HubAccess, queryOf } from './hub-api.js'

export interface PsArgs {
  output: Output
  namespace: string | undefined
  selector: string | undefined
  /** Only where something is wrong: drift, stale, not protected although it should be. */
  wrong: boolean
  /** Prints again at every change until the signal. */
  watch: AbortSignal | undefined
  now: () => number
}

const words: Record<ContainerView['state'], string> = {
  unconfined: 'unconfined',
  'runtime-default': 'runtime default',
  audit: 'audit',
  enforced: 'enforced',
  other: 'other filter',
  'not-protectable': 'not protectable',
  starting: 'starting'
}

/** The state, and what is wrong about it. */
export function stateText(view: ContainerView): string {
  const marks = [
    ...view.drift.map(({ kind }) => kind),
    ...(view.unprotected === null ? [] : ['should be protected']),
    ...(view.canary ? ['canary'] : [])
  ]
  return marks.length === 0 ? words[view.state] : `${words[view.state]} (${marks.join(', ')})`
}

function revisionText({ profile, revision }: ContainerView): string {
  if (revision === '') return '-'
  return `${profile.slice(profile.indexOf('/') + 1)}@${revision.slice(7, 15)}`
}

function columns(now: number): Column<ContainerView>[] {
  return [
    { title: 'NAMESPACE', value: ({ namespace }) => namespace },
    { title: 'WORKLOAD', value: ({ workload }) => workload },
    { title: 'CONTAINER', value: ({ name }) => name },
    { title: 'NODE', value: ({ node }) => node },
    { title: 'STATE', value: stateText },
    { title: 'REVISION', value: revisionText },
    { title: 'STALE', value: ({ stale }) => (stale ? 'yes' : '-') },
    { title: 'DENIALS', value: ({ denials }) => String(denials) },
    { title: 'RISK', value: ({ risk }) => String(risk) },
    { title: 'AGE', value: ({ startedAt }) => age(startedAt, now), wide: true },
    { title: 'RESTARTS', value: ({ restarts }) => String(restarts), wide: true },
    { title: 'SYSCALLS', value: ({ syscalls }) => String(syscalls), wide: true },
    { title: 'CHECKED', value: ({ checked }) => checked, wide: true },
    { title: 'RUNTIME', value: ({ runtime }) => runtime, wide: true },
    { title: 'ID', value: ({ id }) => id.slice(0, 20), wide: true },
    { title: 'WHY', value: whyText, wide: true }
  ]
}

/** What there is to know about a state in one line. */
function whyText(view: ContainerView): string {
  const drift = view.drift.map(({ message, since }) => `${message} since ${since}`)
  const rest = view.unprotected === null ? [] : [view.unprotected.message]
  return [...drift, ...rest, view.why].join('; ')
}

const isWrong = ({ drift, stale, unprotected }: ContainerView): boolean =>
  drift.length > 0 || stale || unprotected !== null

const keyOf = ({ key }: ContainerView): string => key

/** `secco ps`: like `docker ps`, for confinement. */
export async function listContainers(
  io: Io,
  hubs: readonly HubAccess[],
  args: PsArgs
): Promise<number> {
  const query = queryOf({ namespace: args.namespace, selector: args.selector })
  const print = (views: readonly ContainerView[]): number =>
    printListing(io, args.output, {
      what: 'containers',
      rows: args.wrong ? views.filter(isWrong) : views,
      columns: columns(args.now()),
      name: ({ namespace, name, id }) => `container/${namespace}/${name}/${id}`,
      object: (view) => view
    })
  if (args.watch === undefined) {
    return print(await fleetList(hubs, `/api/v1/containers${query}`, keyOf))
  }
  const told = hubs.map(() => new Map<string, ContainerView>())
  const again = (): void => {
    if (io.isTerminal) io.stdout('\u001b[2J\u001b[H')
    const all = unionOf(
      told.map((views) => [...views.values()]),
      keyOf
    )
    print(all.sort((a, b) => (a.key < b.key ? -1 : 1)))
  }
  await followFleet(
    hubs,
    `/api/v1/containers/stream${query}`,
    (hub, event, data) => {
      const views = told[hub] ?? new Map<string, ContainerView>()
      if (event === 'snapshot') {
        for (const view of (data as { items: ContainerView[] }).items) views.set(view.key, view)
      } else if (event === 'change') {
        const { changed, gone } = data as { changed: ContainerView[]; gone: string[] }
        for (const view of changed) views.set(view.key, view)
        for (const key of gone) views.delete(key)
      }
      again()
    },
    args.watch
  )
  if (!args.watch.aborted) io.stderr(paint(io, 'dim', 'the hub ended the stream\n'))
  return 0
}
