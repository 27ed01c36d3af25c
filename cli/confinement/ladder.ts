import type { LadderView } from '../../webhook/confinement/ladder/ladder-view.js'
import { SeccoError } from '../../src/lib/errors.js'
import { type Io, plain } from '../lib/io.js'
import { printObject } from '../lib/output.js'
import { askHub } from '../hubs/hub-api.js'
import { mergeLadders } from '../hubs/merge/ladder.js'
import { askHubs, type Hubs } from '../hubs/hubs.js'
import { type MissingHub, sayMissing, withMissing } from '../lib/missing-hubs.js'

interface PromoteArgs {
  profile: string
  mode: 'audit' | 'enforce'
  canary: number | undefined
  quietFor: string | undefined
  reason: string
  dryRun: boolean
  /** Accept a less strict mode. */
  force: boolean
}

function printLadder(
  io: Io,
  view: LadderView,
  missing: readonly MissingHub[],
  output: 'table' | 'json' | 'yaml'
): void {
  sayMissing(io, missing)
  if (output !== 'table') {
    printObject(io, output, withMissing(view, missing))
    return
  }
  const { namespace, profile, mode, revision, canary, evidence, next, history } = view
  io.stdout(
    `${namespace}/${profile}: ${mode === '' ? 'as its rules say' : mode} ${revision.slice(0, 19)}\n`
  )
  if (canary !== null) {
    io.stdout(
      `canary: ${canary.percent}% get ${canary.to.mode} ${canary.to.revision.slice(0, 19)}, ` +
        `the others ${canary.from.mode} ${canary.from.revision?.slice(0, 19) ?? ''}\n` +
        `  ${canary.containers} of ${canary.containers + canary.others} containers, ` +
        `${canary.denials} denials, ${canary.restarts} restarts; ${plain(canary.verdict)}\n`
    )
  }
  for (const line of evidence) io.stdout(`  ${plain(line)}\n`)
  if (next.mode !== '') {
    io.stdout(
      `next: ${next.mode}${next.ready ? '' : `, not yet: ${plain(next.reasons.join('; '))}`}\n`
    )
  }
  const last = history.at(-1)
  if (last !== undefined) {
    const reason = last.reason === undefined ? '' : ` (${plain(last.reason)})`
    const change = `${last.from} → ${last.to}${reason}`
    io.stdout(`last: ${last.action} by ${plain(last.by)} at ${last.at}: ${change}\n`)
  }
}

/** Asks every hub with a dry run. The hub with the most containers of the workload comes first. */
async function dryRunAll(hubs: Hubs, path: string, body: object) {
  const { answers, from, missing } = await askHubs<LadderView>(hubs, path, {
    body: { ...body, dryRun: true }
  })
  const rejection = missing.find(({ code }) => code === 'INVALID_ARGUMENT')
  if (rejection !== undefined) {
    throw new SeccoError(rejection.code, rejection.message, { hint: rejection.next })
  }
  const all = from.map((hub, at) => ({ hub, view: answers[at] as LadderView }))
  const [first, ...others] = all.sort((a, b) => b.view.running - a.view.running)
  return { first, others: others.map(({ view }) => view), missing }
}

/**
 * `secco promote`: sets the next mode and shows the evidence. One hub writes. All hubs are asked first, because a hub
 * rejects a mode that is less strict than the one that runs on its nodes.
 */
export async function promoteWorkload(
  io: Io,
  hubs: Hubs,
  { canary, quietFor, ...args }: PromoteArgs,
  output: 'table' | 'json' | 'yaml'
): Promise<number> {
  const body = {
    ...args,
    ...(canary === undefined ? {} : { canary }),
    ...(quietFor === undefined ? {} : { quietFor })
  }
  const path = '/api/v1/promote'
  const before =
    hubs.all.length === 1
      ? { first: undefined, others: [], missing: hubs.missing }
      : await dryRunAll(hubs, path, body)
  const view = await askHub<LadderView>(before.first?.hub ?? hubs.all[0], path, body)
  printLadder(io, mergeLadders(view, before.others), before.missing, output)
  if (args.dryRun) io.stderr('dry run: nothing was changed\n')
  else if (output === 'table') {
    io.stderr(`  next: new pods get it; find running pods with an older filter: secco ps --wrong\n`)
  }
  return 0
}

/** `secco rollback`: undoes the last step of a workload. */
export async function rollbackWorkload(
  io: Io,
  hubs: Hubs,
  args: { profile: string; reason: string },
  output: 'table' | 'json' | 'yaml'
): Promise<number> {
  const view = await askHub<LadderView>(hubs.all[0], '/api/v1/rollback', args)
  printLadder(io, view, hubs.missing, output)
  return 0
}
