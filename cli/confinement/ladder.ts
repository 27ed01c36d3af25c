import type { LadderView } from '../../webhook/confinement/ladder/ladder-view.js'
import { type Io, plain } from '../lib/io.js'
import { printObject } from '../lib/output.js'
import type { Hub } from '../hubs/hub.js'

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

/** `secco promote`: sets the next mode and shows the evidence. */
export async function promoteWorkload(
  io: Io,
  hub: Hub,
  { canary, quietFor, ...args }: PromoteArgs,
  output: 'table' | 'json' | 'yaml'
): Promise<number> {
  const body = {
    ...args,
    ...(canary === undefined ? {} : { canary }),
    ...(quietFor === undefined ? {} : { quietFor })
  }
  printLadder(io, await hub.ask<LadderView>('/api/v1/promote', body), output)
  if (args.dryRun) io.stderr('dry run: nothing was changed\n')
  else if (output === 'table') {
    io.stderr(`  next: new pods get it; find running pods with an older filter: secco ps --wrong\n`)
  }
  return 0
}

/** `secco rollback`: undoes the last step of a workload. */
export async function rollbackWorkload(
  io: Io,
  hub: Hub,
  args: { profile: string; reason: string },
  output: 'table' | 'json' | 'yaml'
): Promise<number> {
  printLadder(io, await hub.ask<LadderView>('/api/v1/rollback', args), output)
  return 0
}
