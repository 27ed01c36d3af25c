import type { DenialList } from '../../webhook/confinement/denials/denial-routes.js'
import {
  type NodeCoverage,
  namedMissing
} from '../../webhook/confinement/containers/missing-nodes.js'
import type { DenialView } from '../../webhook/confinement/denials/denial-views.js'
import { calledText } from '../../webhook/views/denial-view.js'
import { allowTexts } from '../../webhook/views/allow-commands.js'
import { type Io, noteLost, paint, plain } from '../lib/io.js'
import { printListing, printObject } from '../lib/output.js'
import type { Output } from '../lib/output-format.js'
import { queryOf } from '../hubs/hub-api.js'
import type { Hub } from '../hubs/hub.js'
import { knownSinceNote } from '../lib/known-since.js'
import { readyWait } from '../lib/ready-wait.js'
import { plural } from '../../src/lib/plural.js'
import { type Pin, pinText } from '../../src/confinement/pin.js'
import { quoted } from '../../src/lib/shell-word.js'
import { denialColumns } from './denial-columns.js'
import { DenialTally } from './denial-tally.js'
import { foreignName } from '../../src/lib/printed-commands.js'

interface DenialArgs {
  output: Output
  namespace: string | undefined
  workload: string | undefined
  since: string | undefined
  muted: boolean
  expected: boolean
  closed: boolean
  follow: AbortSignal | undefined
  now: () => number
}

const member = (flag: boolean): string | undefined => (flag ? 'true' : undefined)

function queryFor(args: DenialArgs): string {
  const { namespace, workload, since, muted, expected, closed } = args
  return queryOf({
    ...{ namespace, workload, since },
    ...{ muted: member(muted), expected: member(expected) },
    closed: member(closed)
  })
}

/** Returns the command that lists the denials that this one leaves out too. @param shown its option */
function commandFor(shown: string, { namespace, workload }: DenialArgs): string {
  const place = namespace === undefined ? '' : ` -n ${namespace}`
  return `secco denials ${shown}${place}${workload === undefined ? '' : ` --workload ${workload}`}`
}

/** Formats one line of `-f`. */
function lineOf(io: Io, view: DenialView & { added: number }): string {
  const { at, namespace, workload, containerName, node, comm, pid } = view
  const name = foreignName(comm)
  const who = comm === '' ? '-' : pid === 0 ? name : `${name}[${pid}]`
  const call = calledText(view)
  const words = `${at}  ${node}  ${namespace}/${workload}/${containerName}  ${call}  ${view.answer}  ${who}  +${view.added} (${view.count})`
  return `${paint(io, view.answer === 'logged' ? 'yellow' : 'red', plain(words))}\n`
}

/** Prints denials as they come, each once, also those that came while no hub answered. */
async function followDenials(
  io: Io,
  hub: Hub,
  args: DenialArgs & { follow: AbortSignal }
): Promise<void> {
  const query = queryFor(args)
  const tally = new DenialTally()
  const print = (view: DenialView, added: number): void => {
    if (added <= 0) return
    const one = { ...view, added }
    io.stdout(args.output === 'json' ? `${JSON.stringify(one)}\n` : lineOf(io, one))
  }
  async function count(onRow: typeof print): Promise<void> {
    const { items } = await hub.ask<DenialList>(`/api/v1/denials${query}`)
    tally.restart()
    for (const view of items) onRow(view, tally.add(view))
  }
  if (args.since === undefined) await count(() => undefined)
  // Events wait until what came before the stream opened is printed.
  let turn = Promise.resolve()
  const next = (step: () => void | Promise<void>): void => void (turn = turn.then(step))
  const listener = {
    // When the hub is gone by now, the stream opens once more.
    onOpen: () => next(() => count(print).catch(() => undefined)),
    onEvent(event: string, data: unknown) {
      if (event !== 'denial') return
      const view = data as DenialView & { added: number }
      next(() => print(view, Math.min(view.added, tally.add(view, view.added === 0))))
    },
    onLost: (reason: string) => noteLost(io, reason)
  }
  await hub.follow(`/api/v1/denials/stream${query}`, listener, args.follow)
  await turn
}

/** Prints which nodes do not report: what was denied there since is not known. */
function printMissing(
  io: Io,
  { missingNodes = 0, notReporting = [] }: Partial<NodeCoverage>
): void {
  const count = Math.max(missingNodes, notReporting.length)
  if (count === 0) return
  const named = namedMissing(notReporting, notReporting.length === 0 ? 0 : count)
  const what = `denials of ${plural(count, 'node')} are not known as of now`
  io.stderr(`${paint(io, 'yellow', plain(named === '' ? what : `${what}: ${named}`))}\n`)
}

/** `secco denials`: lists denied syscalls by process and container; with `-f` as they come. */
export async function listDenials(io: Io, hub: Hub, args: DenialArgs): Promise<number> {
  const { follow } = args
  if (follow !== undefined) {
    await followDenials(io, hub, { ...args, follow })
    return 0
  }
  const path = `/api/v1/denials${queryFor(args)}`
  const { knownSince, closed = 0, muted = 0, items, ...coverage } = await hub.ask<DenialList>(path)
  const isTable = args.output === 'table' || args.output === 'wide'
  const leftOut = [closed > 0 && 'closed', muted > 0 && 'muted'].filter(Boolean).join(' and ')
  if (isTable) printMissing(io, coverage)
  const code = printListing(io, args.output, {
    what: 'denials',
    rows: items,
    columns: denialColumns(args, args.now()),
    name: (view) => `denial/${view.namespace}/${view.profile}/${view.syscall}`,
    object: (view) => view,
    members: { knownSince, closed, muted, ...coverage },
    emptyNote: knownSinceNote(knownSince),
    ...(leftOut === '' ? {} : { none: `No denials found apart from ${leftOut} ones.` })
  })
  const open = items.filter(({ state }) => state !== 'closed')
  const first = open.findLast(({ state }) => state !== 'muted' && state !== 'own') ?? open.at(-1)
  for (const [what, count] of Object.entries(isTable ? { closed, muted } : {}))
    if (count > 0) io.stderr(`  ${count} ${what}: ${plain(commandFor(`--${what}`, args))}\n`)
  if (args.output !== 'table' || first === undefined) return code
  for (const text of [first.hint, ...allowTexts(items)]) io.stderr(`  next: ${plain(text)}\n`)
  return code
}

interface Allowed {
  diff: {
    added: string[]
    beyondRuntimeDefault: string[]
    revisionBefore: string
    revisionAfter: string
  }
  applied: boolean
  /** The kubectl command that makes the same change; absent outside of a cluster, and from a hub of an earlier version. */
  patch?: string
  /** New pods get an earlier revision, whatever is allowed. */
  pin?: Pin
  /** `pod`: empty outside Kubernetes; a hub of an earlier version says nothing. */
  restart: {
    key: string
    name: string
    node: string
    command: string
    state?: string
    pod?: string
  }[]
}

/** Prints why new pods are denied the call all the same. */
function printPin(io: Io, pin: Pin | undefined): void {
  if (pin === undefined) return
  const some = (pin.exception ?? '') === '' ? 'new pods do not' : 'not all new pods'
  io.stderr(`${some} get it: the profile is ${plain(pinText(pin))}\n`)
}

/** Prints what to wait for before a workload is rolled. */
function printWait(io: Io, profile: string, restart: Allowed['restart']): void {
  const [namespace, name] = profile.split('/', 2)
  const isRolled = restart.some(({ command }) => command.startsWith('kubectl '))
  if (!isRolled || name === undefined || namespace === undefined) return
  io.stderr(`  ${readyWait(namespace, [name])}\n`)
}

/** `secco denials allow PROFILE SYSCALL…`: shows the difference; with --yes creates the new revision. */
export async function allowCall(
  io: Io,
  hub: Hub,
  args: {
    profile: string
    syscalls: readonly string[]
    reason: string | undefined
    yes: boolean
    dryRun: boolean
  },
  output: 'table' | 'json'
): Promise<number> {
  const { syscalls, dryRun, ...rest } = args
  const [syscall] = syscalls
  // A hub of an earlier version knows one syscall.
  const body = { ...rest, ...(syscalls.length === 1 ? { syscall } : { syscalls }) }
  const answer = await hub.ask<Allowed>('/api/v1/allow', body)
  if (output === 'json') {
    printObject(io, 'json', answer)
    return 0
  }
  const { diff, applied, restart, patch, pin } = answer
  for (const name of diff.added) io.stdout(`${paint(io, 'green', `+ ${name}`)}\n`)
  for (const name of diff.beyondRuntimeDefault) {
    io.stdout(`${paint(io, 'yellow', `! ${name}: RuntimeDefault denies it`)}\n`)
  }
  if (diff.revisionBefore === diff.revisionAfter) {
    const why = 'the profile allows it already, or an emergency block denies it'
    io.stderr(`nothing changes: ${why}\n`)
    printPin(io, pin)
    return 0
  }
  const next = applied ? diff.revisionAfter.slice(0, 19) : 'a new one'
  io.stdout(`revision ${diff.revisionBefore.slice(0, 19)} → ${next}\n`)
  if (!applied) {
    const reason = args.reason === undefined ? 'WHY' : quoted(args.reason)
    const words = `secco denials allow ${args.profile} ${syscalls.map(quoted).join(' ')} --yes --reason ${reason}`
    if (dryRun) io.stdout(`${plain(patch ?? words)}\n`)
    io.stderr(`nothing was changed\n  next: ${words}\n`)
    printPin(io, pin)
    return 0
  }
  io.stderr(`allowed in ${args.profile}; the hub renders and delivers the revision\n`)
  printPin(io, pin)
  printWait(io, args.profile, restart)
  for (const { name, node, command, state, pod } of restart) {
    const runs = state === 'unconfined' ? 'runs without a filter' : 'keeps its filter'
    // No command of Secco makes a container outside Kubernetes again: the text says how.
    const until = pod === '' ? 'until you' : 'until you run:'
    io.stderr(`  ${plain(name)} on ${node} ${runs} ${until} ${plain(command)}\n`)
  }
  return 0
}

/** `secco denials mute PROFILE SYSCALL`. */
export async function muteCall(
  io: Io,
  hub: Hub,
  args: {
    profile: string
    syscall: string
    comm?: string
    reason: string
    remove: boolean
  }
): Promise<number> {
  const { muted } = await hub.ask<{ muted: { syscall: string; comm?: string }[] }>(
    '/api/v1/mute',
    args
  )
  const whose = args.comm === undefined ? '' : ` of ${foreignName(args.comm)}`
  if (args.remove) io.stdout(`not muted any more: ${args.syscall}${whose}\n`)
  for (const { syscall, comm } of muted) {
    const who = comm === undefined ? 'every process' : foreignName(comm)
    io.stdout(`muted in ${args.profile}: ${syscall} of ${who}\n`)
  }
  if (muted.length === 0) io.stderr(`nothing is muted in ${args.profile}\n`)
  return 0
}
