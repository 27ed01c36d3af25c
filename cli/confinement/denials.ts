import type { DenialList } from '../../webhook/confinement/denials/denial-routes.js'
import type { DenialView } from '../../webhook/confinement/denials/denial-views.js'
import { type Io, noteLost, paint, plain } from '../lib/io.js'
import { age, printListing, printObject } from '../lib/output.js'
import type { Output } from '../lib/output-format.js'
import { queryOf } from '../hubs/hub-api.js'
import type { Hub } from '../hubs/hub.js'
import { knownSinceNote } from '../lib/known-since.js'
import { DenialTally } from './denial-tally.js'

interface DenialArgs {
  output: Output
  namespace: string | undefined
  workload: string | undefined
  since: string | undefined
  muted: boolean
  expected: boolean
  follow: AbortSignal | undefined
  now: () => number
}

const member = (flag: boolean): string | undefined => (flag ? 'true' : undefined)

function queryFor(args: DenialArgs): string {
  const { namespace, workload, since, muted, expected } = args
  return queryOf({
    ...{ namespace, workload, since },
    ...{ muted: member(muted), expected: member(expected) }
  })
}

/** Formats one line of `-f`. */
function lineOf(io: Io, view: DenialView & { added: number }): string {
  const { at, namespace, workload, containerName, node, comm, pid } = view
  const call = view.arguments === '' ? view.syscall : `${view.syscall}(${view.arguments})`
  const who = comm === '' ? '-' : `${comm}[${pid}]`
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

/** `secco denials`: lists denied syscalls by process and container; with `-f` as they come. */
export async function listDenials(io: Io, hub: Hub, args: DenialArgs): Promise<number> {
  const { follow } = args
  if (follow !== undefined) {
    await followDenials(io, hub, { ...args, follow })
    return 0
  }
  const path = `/api/v1/denials${queryFor(args)}`
  const { knownSince, items } = await hub.ask<DenialList>(path)
  const code = printListing(io, args.output, {
    what: 'denials',
    rows: items,
    columns: [
      { title: 'LAST', value: (view: DenialView) => age(view.lastSeen, args.now()) },
      { title: 'NAMESPACE', value: (view) => view.namespace },
      { title: 'WORKLOAD', value: (view) => view.workload },
      { title: 'NODE', value: (view) => view.node },
      { title: 'SYSCALL', value: (view) => view.syscall },
      { title: 'ARGUMENTS', value: (view) => view.arguments || '-', wide: true },
      { title: 'ANSWER', value: (view) => view.answer },
      { title: 'CALLS', value: (view) => String(view.count) },
      { title: 'PROCESS', value: (view) => view.comm || '-' },
      { title: 'ABI', value: (view) => view.abi, wide: true },
      { title: 'MODE', value: (view) => view.mode || '-', wide: true },
      { title: 'PROFILE', value: (view) => view.profile, wide: true },
      { title: 'NEXT', value: (view) => view.hint, wide: true }
    ],
    name: (view) => `denial/${view.namespace}/${view.profile}/${view.syscall}`,
    object: (view) => view,
    members: { knownSince },
    emptyNote: knownSinceNote(knownSince)
  })
  const first = items.at(-1)
  if (args.output === 'table' && first !== undefined) io.stderr(`  next: ${plain(first.hint)}\n`)
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
  restart: { key: string; name: string; node: string; command: string }[]
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
  },
  output: 'table' | 'json'
): Promise<number> {
  const { syscalls, ...rest } = args
  const [syscall] = syscalls
  // A hub of an earlier version knows one syscall.
  const body = { ...rest, ...(syscalls.length === 1 ? { syscall } : { syscalls }) }
  const answer = await hub.ask<Allowed>('/api/v1/allow', body)
  if (output === 'json') {
    printObject(io, 'json', answer)
    return 0
  }
  const { diff, applied, restart } = answer
  for (const name of diff.added) io.stdout(`${paint(io, 'green', `+ ${name}`)}\n`)
  for (const name of diff.beyondRuntimeDefault) {
    io.stdout(`${paint(io, 'yellow', `! ${name}: RuntimeDefault denies it`)}\n`)
  }
  if (diff.revisionBefore === diff.revisionAfter) {
    io.stderr('nothing changes: the profile allows it already, or an emergency block denies it\n')
    return 0
  }
  const next = applied ? diff.revisionAfter.slice(0, 19) : 'a new one'
  io.stdout(`revision ${diff.revisionBefore.slice(0, 19)} → ${next}\n`)
  if (!applied) {
    const words = `secco denials allow ${args.profile} ${syscalls.join(' ')} --yes --reason …`
    io.stderr(`nothing was changed\n  next: ${words}\n`)
    return 0
  }
  io.stderr(`allowed in ${args.profile}; the hub renders and delivers the revision\n`)
  for (const { name, node, command } of restart) {
    io.stderr(`  ${plain(name)} on ${node} keeps its filter until you run: ${plain(command)}\n`)
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
  for (const { syscall, comm } of muted) {
    io.stdout(`muted ${syscall}${comm === undefined ? '' : ` of ${comm}`}\n`)
  }
  if (muted.length === 0) io.stderr(`nothing is muted in ${args.profile}\n`)
  return 0
}
