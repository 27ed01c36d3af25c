import type { ContainerView } from '../../webhook/confinement/containers/container-views.js'
import { byPlace } from '../../webhook/confinement/containers/container-routes.js'
import { stateWords } from '../../src/confinement/state.js'
import { type Io, noteLost, paint } from '../lib/io.js'
import { age, type Column, printListing } from '../lib/output.js'
import type { Output } from '../lib/output-format.js'
import { queryOf } from '../hubs/hub-api.js'
import type { Hub } from '../hubs/hub.js'

interface PsArgs {
  output: Output
  namespace: string | undefined
  selector: string | undefined
  /** Only containers with a problem: drift, a stale revision, or no protection although they should have it. */
  wrong: boolean
  /** Print again at every change until this signal fires. */
  watch: AbortSignal | undefined
  now: () => number
}

/** Returns the state with its problems. */
function stateText(view: ContainerView): string {
  const marks = [
    ...view.drift.map(({ kind }) => kind),
    ...(view.unprotected === null ? [] : ['should be protected']),
    ...(view.canary ? ['canary'] : []),
    ...(view.ephemeral ? ['ephemeral'] : [])
  ]
  const word = stateWords[view.state]
  return marks.length === 0 ? word : `${word} (${marks.join(', ')})`
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

/** Explains a state in one line. */
function whyText(view: ContainerView): string {
  const drift = view.drift.map(({ message, since }) => `${message} since ${since}`)
  const rest = view.unprotected === null ? [] : [view.unprotected.message]
  return [...drift, ...rest, view.why].join('; ')
}

const isWrong = ({ drift, stale, unprotected }: ContainerView): boolean =>
  drift.length > 0 || stale || unprotected !== null

const noneWrong = 'No container differs from what it should be.'

/** `secco ps`: lists containers as `docker ps` does, with their confinement. */
export async function listContainers(io: Io, hub: Hub, args: PsArgs): Promise<number> {
  const query = queryOf({ namespace: args.namespace, selector: args.selector })
  const print = (views: readonly ContainerView[]): number =>
    printListing(io, args.output, {
      what: 'containers',
      rows: args.wrong ? views.filter(isWrong) : views,
      ...(args.wrong && views.length > 0 ? { none: noneWrong } : {}),
      columns: columns(args.now()),
      name: ({ namespace, name, id }) => `container/${namespace}/${name}/${id}`,
      object: (view) => view
    })
  if (args.watch === undefined) {
    const path = `/api/v1/containers${query}`
    return print(await hub.list<ContainerView>(path))
  }
  await watchContainers(io, hub, query, args.watch, (views) => {
    if (io.isTerminal) io.stdout('\u001b[2J\u001b[H')
    print(views)
  })
  if (!args.watch.aborted) io.stderr(paint(io, 'dim', 'the hub ended the stream\n'))
  return 0
}

/** Shows the containers whenever they change. A stream begins with all of them. */
async function watchContainers(
  io: Io,
  hub: Hub,
  query: string,
  signal: AbortSignal,
  show: (views: ContainerView[]) => void
): Promise<void> {
  const known = new Map<string, ContainerView>()
  const onEvent = (event: string, data: unknown): void => {
    if (event === 'snapshot') {
      known.clear()
      for (const view of (data as { items: ContainerView[] }).items) known.set(view.key, view)
    } else if (event === 'change') {
      const { changed, gone } = data as { changed: ContainerView[]; gone: string[] }
      for (const view of changed) known.set(view.key, view)
      for (const key of gone) known.delete(key)
    }
    show([...known.values()].sort(byPlace))
  }
  const listener = { onEvent, onLost: (reason: string) => noteLost(io, reason) }
  await hub.follow(`/api/v1/containers/stream${query}`, listener, signal)
}
