import type { DenialView } from '../../webhook/truth/denial-views.js'
import { type Io, paint, plain } from './io.js'
import { age, type Output, printListing, printObject } from './output.js'
import { fleetList, followFleet } from './fleet-list.js'
import { askHub, type HubAccess, queryOf } from './hub-api.js'

export interface DenialArgs {
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

/** One line of `-f`. */
function lineOf(io: Io, view: DenialView & { added: number }): string {
  const { at, namespace, workload, containerName, node, comm, pid } = view
  const call = view.arguments === '' ? view.syscall : `${view.syscall}(${view.arguments})`
  const who = comm === '' ? '-' : `${comm}[${pid}]`
  const words = `${at}  ${node}  ${namespace}/${workload}/${containerName}  ${call}  ${view.answer}  ${who}  +${view.added} (${view.count})`
  return `${paint(io, view.answer === 'logged' ? 'yellow' : 'red', plain(words))}\n`
}

/** `secco denials`: what was refused, by who asked what and where; `-f` as it comes. */
export async function listDenials(
  io: Io,
  hubs: readonly HubAccess[],
  args: DenialArgs
): Promise<number> {
  const { follow } = args
  if (follow !== undefined) {
    const print = (_hub: number, event: string, data: unknown): void => {
      if (event !== 'denial') return
      const view = data as DenialView & { added: number }
      io.stdout(args.output === 'json' ? `${JSON.stringify(view)}\n` : lineOf(io, view))
    }
    const path = `/api/v1/denials/stream${queryFor(args)}`
    await followFleet(hubs, path, print, follow)
    return 0
  }
  const path = `/api/v1/denials${queryFor(args)}`
  // Counts of a node that went to another hub begin there again.
  const more = (left: DenialView, right: DenialView): DenialView =>
    right.count > left.count ? right : left
  const all = await fleetList<DenialView>(hubs, path, ({ key }) => key, more)
  const items = hubs.length === 1 ? all : all.sort((a, b) => (a.lastSeen < b.lastSeen ? -1 : 1))
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
    object: (view) => view
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
  restart: { name: string; node: string; command: string }[]
}

/** `secco denials allow PROFILE SYSCALL`: the difference; with --yes the new revision. */
export async function allowCall(
  io: Io,
  access: HubAccess,
  args: { profile: string; syscall: string; reason: string | undefined; yes: boolean },
  output: 'table' | 'json'
): Promise<number> {
  const answer = await askHub<Allowed>(access, '/api/v1/allow', args)
  if (output === 'json') {
    printObject(io, 'json', answer)
    return 0
  }
  const { diff, applied, restart } = answer
  for (const name of diff.added) io.stdout(`${paint(io, 'green', `+ ${name}`)}\n`)
  for (const name of diff.beyondRuntimeDefault) {
    io.stdout(`${paint(io, 'yellow', `! ${name}: RuntimeDefault refuses it`)}\n`)
  }
  if (diff.revisionBefore === diff.revisionAfter) {
    io.stderr('nothing changes: it is let through already, or blocked for everybody\n')
    return 0
  }
  const next = applied ? diff.revisionAfter.slice(0, 19) : 'a new one'
  io.stdout(`revision ${diff.revisionBefore.slice(0, 19)} → ${next}\n`)
  if (!applied) {
    const words = `secco denials allow ${args.profile} ${args.syscall} --yes --reason …`
    io.stderr(`nothing was changed\n  next: ${words}\n`)
    return 0
  }
  io.stderr(`allowed in ${args.profile}; the hub renders and delivers the revision\n`)
  for (const { name, node, command } of restart) {
    io.stderr(`  ${plain(name)} on ${node} keeps its filter until: ${plain(command)}\n`)
  }
  return 0
}

/** `secco denials mute PROFILE SYSCALL`. */
export async function muteCall(
  io: Io,
  access: HubAccess,
  args: {
    profile: string
    syscall: string
    comm?: string
    reason: string
    remove: boolean
  }
): Promise<number> {
  const { muted } = await askHub<{ muted: { syscall: string; comm?: string }[] }>(
    access,
    '/api/v1/mute',
    args
  )
  for (const { syscall, comm } of muted) {
    io.stdout(`muted ${syscall}${comm === undefined ? '' : ` of ${comm}`}\n`)
  }
  if (muted.length === 0) io.stderr(`nothing is muted in ${args.profile}\n`)
  return 0
}
