import type { LadderView } from '../../webhook/truth/ladder-view.js'
import { type Io, plain } from './io.js'
import { printObject } from './output.js'
import { askHub, type HubAccess } from './hub-api.js'

export interface PromoteArgs {
  profile: string
  mode: 'audit' | 'enforce'
  canary: number | undefined
  quietFor: string | undefined
  reason: string
  dryRun: boolean
  /** Also down a rung. */
  force: boolean
}

function printLadder(io: Io, view: LadderView, output: 'table' | 'json' | 'yaml'): void {
  if (output !== 'table') {
    printObject(io, output, view)
    return
  }
  const { namespace, profile, mode, revision, canary, evidence, next, history } = view
  io.stdout(
    `${namespace}/${profile}: ${mode === '' ? 'as its rules say' : mode} ${revision.slice(0, 19)}\n`
  )
  if (canary !== null) {
    io.stdout(
      `canary: ${canary.percent}% get ${canary.to.mode} ${canary.to.revision.slice(0, 19)}, the others ${canary.from.mode} ${canary.from.revision?.slice(0, 19) ?? ''}\n  ${canary.containers} of ${canary.containers + canary.others} containers, ${canary.denials} denials, ${canary.restarts} restarts; ${plain(canary.verdict)}\n`
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
    io.stdout(
      `last: ${last.action} by ${plain(last.by)} at ${last.at}: ${last.from} → ${last.to}${last.reason === undefined ? '' : ` (${plain(last.reason)})`}\n`
    )
  }
}

/** `secco promote`: one rung up, with its evidence. */
export async function promoteWorkload(
  io: Io,
  access: HubAccess,
  { canary, quietFor, ...args }: PromoteArgs,
  output: 'table' | 'json' | 'yaml'
): Promise<number> {
  const view = await askHub<LadderView>(access, '/api/v1/promote', {
    ...args,
    ...(canary === undefined ? {} : { canary }),
    ...(quietFor === undefined ? {} : { quietFor })
  })
  printLadder(io, view, output)
  if (args.dryRun) io.stderr('dry run: nothing was changed\n')
  else if (output === 'table') {
    io.stderr(`  next: new pods get it; those that run keep what they have: secco ps --wrong\n`)
  }
  return 0
}

/** `secco rollback`. */
export async function rollbackWorkload(
  io: Io,
  access: HubAccess,
  args: { profile: string; reason: string },
  output: 'table' | 'json' | 'yaml'
): Promise<number> {
  printLadder(io, await askHub<LadderView>(access, '/api/v1/rollback', args), output)
  return 0
}
