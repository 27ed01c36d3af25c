import type { ContainerView } from '../../webhook/confinement/containers/container-views.js'
import { stateWords } from '../../src/confinement/state.js'
import { type Io, paint } from '../lib/io.js'
import { age, type Column, printListing } from '../lib/output.js'
import type { Output } from '../lib/output-format.js'
import { queryOf } from '../hubs/hub-api.js'
import { mergeContainers } from '../hubs/merge/lists.js'
import { followHubs } from '../hubs/follow-hubs.js'
import { askHubs, type Hubs } from '../hubs/hubs.js'
import type { MissingHub } from '../lib/missing-hubs.js'

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
export async function listContainers(io: Io, hubs: Hubs, args: PsArgs): Promise<number> {
  const query = queryOf({ namespace: args.namespace, selector: args.selector })
  const print = (
    lists: readonly (readonly ContainerView[])[],
    missing: readonly MissingHub[]
  ): number => {
    const views = mergeContainers(lists)
    return printListing(io, args.output, {
      what: 'containers',
      rows: args.wrong ? views.filter(isWrong) : views,
      ...(args.wrong && views.length > 0 ? { none: noneWrong } : {}),
      columns: columns(args.now()),
      name: ({ namespace, name, id }) => `container/${namespace}/${name}/${id}`,
      object: (view) => view,
      missing
    })
  }
  if (args.watch === undefined) {
    const path = `/api/v1/containers${query}`
    const { answers, missing } = await askHubs<{ items: ContainerView[] }>(hubs, path)
    return print(
      answers.map(({ items }) => items),
      missing
    )
  }
  await watchContainers(hubs, query, args.watch, (lists, missing) => {
    if (io.isTerminal) io.stdout('\u001b[2J\u001b[H')
    print(lists, missing)
  })
  if (!args.watch.aborted) io.stderr(paint(io, 'dim', 'the hub ended the stream\n'))
  return 0
}

/** Shows the containers of all hubs whenever they change. */
async function watchContainers(
  hubs: Hubs,
  query: string,
  signal: AbortSignal,
  show: (lists: ContainerView[][], missing: readonly MissingHub[]) => void
): Promise<void> {
  const known = new Map<string, Map<string, ContainerView>>()
  let missing: readonly MissingHub[] = hubs.missing
  const showAll = (): void =>
    show(
      [...known.values()].map((views) => [...views.values()]),
      missing
    )
  const listener = {
    onEvent(hub: string, event: string, data: unknown) {
      const views = known.get(hub) ?? new Map<string, ContainerView>()
      known.set(hub, views)
      if (event === 'snapshot') {
        views.clear()
        for (const view of (data as { items: ContainerView[] }).items) views.set(view.key, view)
      } else if (event === 'change') {
        const { changed, gone } = data as { changed: ContainerView[]; gone: string[] }
        for (const view of changed) views.set(view.key, view)
        for (const key of gone) views.delete(key)
      }
      showAll()
    },
    onEnd: (hub: string) => void known.delete(hub),
    onMissing(now: readonly MissingHub[]) {
      missing = now
      // At the start there is nothing to print yet.
      if (known.size > 0) showAll()
    }
  }
  await followHubs(hubs, `/api/v1/containers/stream${query}`, listener, signal)
}
