import { listed, plural } from '../../src/lib/plural.js'
import {
  type ContainerView,
  revisionText
} from '../../webhook/confinement/containers/container-view.js'
import {
  byPlace,
  type ContainerList
} from '../../webhook/confinement/containers/container-routes.js'
import {
  type AwayNode,
  missingNodesText,
  namedMissing
} from '../../webhook/confinement/containers/missing-nodes.js'
import { riskWord, stateWords } from '../../src/confinement/state.js'
import { gapText } from '../../src/history/recording-gap.js'
import { clearScreen, type Io, noteLost, paint, plain } from '../lib/io.js'
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

/** Names of containers in a note about a gap. */
const namesShown = 8

/** Returns the state with its problems. @param away the nodes that do not report: the state is that of the last report */
function stateText(view: ContainerView, away: ReadonlySet<string>): string {
  const marks = [
    ...view.drift.map(({ kind }) => kind),
    ...(view.unprotected === null ? [] : ['not protected']),
    ...(away.has(view.node) ? ['node away'] : []),
    ...(view.canary ? ['canary'] : []),
    ...(view.ephemeral ? ['ephemeral'] : [])
  ]
  const word = stateWords[view.state]
  return marks.length === 0 ? word : `${word} (${marks.join(', ')})`
}

function columns(now: number, away: ReadonlySet<string>): Column<ContainerView>[] {
  return [
    { title: 'NAMESPACE', value: ({ namespace }) => namespace },
    { title: 'WORKLOAD', value: ({ workload }) => workload },
    { title: 'CONTAINER', value: ({ name }) => name },
    { title: 'NODE', value: ({ node }) => node },
    { title: 'STATE', value: (view) => stateText(view, away) },
    { title: 'REVISION', value: (view) => (view.revision === '' ? '-' : revisionText(view)) },
    { title: 'STALE', value: ({ stale }) => (stale ? 'yes' : '-') },
    { title: 'DENIALS', value: ({ denials }) => String(denials) },
    { title: 'RISK', value: riskText },
    { title: 'POD', value: ({ pod }) => (pod === '' ? '-' : pod), wide: true },
    { title: 'AGE', value: ({ startedAt }) => age(startedAt, now), wide: true },
    { title: 'RESTARTS', value: ({ restarts }) => String(restarts), wide: true },
    { title: 'CALLS MADE', value: ({ syscalls }) => syscallsText(syscalls), wide: true },
    { title: 'CHECKED', value: ({ checked }) => checked, wide: true },
    { title: 'RUNTIME', value: ({ runtime }) => runtime, wide: true },
    { title: 'ID', value: ({ id }) => id.slice(0, 20), wide: true },
    { title: 'WHY', value: whyText, wide: true }
  ]
}

/** Formats a risk; that of a container that starts is not known. */
const riskText = ({ risk, state }: ContainerView) =>
  state === 'starting' ? '-' : `${risk} ${riskWord(risk)}`

/** Formats a number of calls. A hub of an earlier version says 0 where it does not know it yet. */
const syscallsText = (syscalls: number | null) =>
  syscalls === null || syscalls === 0 ? 'not known yet' : String(syscalls)

/** Explains a state in one line. */
function whyText(view: ContainerView): string {
  const drift = view.drift.map(({ message, since }) => `${message} since ${since}`)
  const rest = view.unprotected === null ? [] : [view.unprotected.message]
  return [...drift, ...rest, view.why].join('; ')
}

const isWrong = ({ drift, stale, unprotected }: ContainerView): boolean =>
  drift.length > 0 || stale || unprotected !== null

/** Prints once for each gap of a node which containers it is about. */
function printGaps(io: Io, views: readonly ContainerView[]): void {
  const names = new Map<string, string[]>()
  for (const { node, name, gaps } of views) {
    for (const gap of gaps) {
      const what = `${node}: ${gapText(gap)}`
      names.set(what, [...(names.get(what) ?? []), name])
    }
  }
  for (const [what, of] of names) {
    io.stderr(`${paint(io, 'yellow', plain(`${what} of ${listed(of, namesShown)}`))}\n`)
  }
}

type Coverage = Omit<ContainerList, 'items'>

/** Returns the nodes of which nothing is listed, by name; empty where the hub names none. */
function unlistedText({ missingNodes = 0, notReporting = [] }: Coverage): string {
  const unlisted = notReporting.filter(({ listed }) => !listed)
  return plain(namedMissing(unlisted, unlisted.length === 0 ? 0 : missingNodes))
}

/** Prints of which nodes nothing is listed. Who asks about one namespace may have no right to list nodes. */
function printMissing(io: Io, coverage: Coverage, namespace: string | undefined): void {
  const { missingNodes = 0 } = coverage
  if (missingNodes === 0) return
  const names = unlistedText(coverage)
  const what = `${missingNodesText(missingNodes)}: it is not listed`
  const which = names === '' ? '' : `\n  not known: ${names}`
  const next = namespace === undefined ? 'secco get nodes' : 'ask who may list nodes'
  io.stderr(`${paint(io, 'yellow', `${what}${which}`)}\n  next: ${next}\n`)
}

/** Prints which lines are old: those of nodes that are away. */
function printAway(io: Io, away: readonly AwayNode[], now: number): void {
  for (const { name, lastSeen } of away) {
    const what =
      lastSeen === ''
        ? `${name} does not report: its containers are listed as the API server has them`
        : `${name} is away: its containers are listed as they were ${age(lastSeen, now)} ago`
    io.stderr(`${paint(io, 'yellow', plain(what))}\n`)
  }
}

/** Whether there are nodes whose containers are not known, or not as they are now. */
const isPartial = ({ missingNodes = 0, notReporting = [], awayNodes = [] }: Coverage): boolean =>
  missingNodes + notReporting.length + awayNodes.length > 0

/** Says that containers run without a filter where nothing gives them one: such a container is as it should be. */
function unaskedText(views: readonly ContainerView[]): string {
  const open = views.filter(({ state }) => state === 'unconfined').length
  const run = plural(open, 'container runs', 'containers run')
  return open === 0 ? '' : ` ${run} without a filter, and nothing gives one: see \`secco ps\`.`
}

/** Says that no container is wrong: only of the nodes that report, where others do not. */
function noneWrongText(coverage: Coverage): string {
  const none = 'No container differs from what it should be'
  if (!isPartial(coverage)) return `${none}.`
  const { missingNodes = 0, notReporting = [], awayNodes = [], reportingNodes } = coverage
  const where =
    reportingNodes === undefined
      ? 'on the nodes that report'
      : `on the ${plural(reportingNodes, 'node that reports', 'nodes that report')}`
  const away = awayNodes.filter(({ name }) => notReporting.every((one) => one.name !== name))
  const others = away.map(({ name, lastSeen }) => ({
    name,
    why: lastSeen === '' ? 'does not report' : `no report since ${lastSeen}`
  }))
  const named = namedMissing([...notReporting, ...others])
  const unknown = named === '' ? plural(missingNodes, 'node') : named
  return plain(`${none} ${where}; not known: ${unknown}.`)
}

/**
 * `secco ps`: lists containers as `docker ps` does, with their confinement.
 * @returns the exit code: 1 where none is wrong as far as is known, and a node does not report
 */
export async function listContainers(io: Io, hub: Hub, args: PsArgs): Promise<number> {
  const query = queryOf({ namespace: args.namespace, selector: args.selector })
  const isTable = args.output === 'table' || args.output === 'wide'
  const print = (views: readonly ContainerView[], coverage: Coverage): number => {
    const { missingNodes = 0, awayNodes = [], ...others } = coverage
    const rows = args.wrong ? views.filter(isWrong) : views
    if (isTable) printMissing(io, coverage, args.namespace)
    const places = new Set(views.map(({ node }) => node))
    const away = awayNodes.filter(({ name }) => places.has(name))
    if (isTable) printAway(io, away, args.now())
    if (isTable) printGaps(io, rows)
    const isKnown = !args.wrong || rows.length > 0 || !isPartial(coverage)
    const code = printListing(io, args.output, {
      what: 'containers',
      rows,
      ...(args.wrong && (views.length > 0 || !isKnown)
        ? { none: noneWrongText(coverage) + unaskedText(views) }
        : {}),
      columns: columns(args.now(), new Set(away.map(({ name }) => name))),
      name: ({ namespace, name, id }) => `container/${namespace}/${name}/${id}`,
      object: (view) => view,
      members: { missingNodes, awayNodes, ...others }
    })
    return isKnown ? code : 1
  }
  if (args.watch === undefined) {
    const path = `/api/v1/containers${query}`
    const { items, ...coverage } = await hub.ask<ContainerList>(path)
    return print(items, coverage)
  }
  await watchContainers(io, hub, query, args.watch, (views, nodes) => {
    if (io.isTerminal) io.stdout(clearScreen)
    print(views, nodes)
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
  show: (views: ContainerView[], coverage: Coverage) => void
): Promise<void> {
  const known = new Map<string, ContainerView>()
  let nodes: Coverage = {}
  const onEvent = (event: string, data: unknown): void => {
    if (event === 'snapshot') {
      const { items, ...rest } = data as ContainerList
      nodes = rest
      known.clear()
      for (const view of items) known.set(view.key, view)
    } else if (event === 'change') {
      const { changed, gone } = data as { changed: ContainerView[]; gone: string[] }
      for (const view of changed) known.set(view.key, view)
      for (const key of gone) known.delete(key)
    } else if (event === 'nodes') nodes = data as typeof nodes
    show([...known.values()].sort(byPlace), nodes)
  }
  const listener = { onEvent, onLost: (reason: string) => noteLost(io, reason) }
  await hub.follow(`/api/v1/containers/stream${query}`, listener, signal)
}
