import type { LadderView } from '../../webhook/confinement/ladder/ladder-view.js'
import { plural } from '../../src/lib/plural.js'
import { newPodsText, othersText, runningCommand } from '../../src/seccomp/review/new-pods.js'
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

function printLadder(
  io: Io,
  view: LadderView,
  output: 'table' | 'json' | 'yaml',
  step: 'promote' | 'dry run' | 'rollback'
): void {
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
        `${othersText(canary.from)}\n` +
        `  ${plural(canary.containers, 'container runs', 'containers run')} its revision now, ` +
        `${plural(canary.others, 'other')}; ` +
        `${canary.denials} denials, ${canary.restarts} restarts; ${plain(canary.verdict)}\n`
    )
  }
  // Who promotes sees the evidence on which the step was taken, which is kept with it.
  if (step === 'promote' && evidence.length > 0) io.stdout('evidence, as it was before the step:\n')
  for (const line of evidence) io.stdout(`  ${plain(line)}\n`)
  if (next.mode !== '') {
    const why = next.ready ? '' : `, not yet: ${plain(next.reasons.join('; '))}`
    io.stdout(`next mode: ${next.mode}${why}\n`)
  }
  const last = history.at(-1)
  if (last !== undefined) {
    const reason = last.reason === undefined ? '' : ` (${plain(last.reason)})`
    const change = `${last.from} → ${last.to}${reason}`
    const when = step === 'dry run' ? 'would be' : 'last'
    io.stdout(`${when}: ${last.action} by ${plain(last.by)} at ${last.at}: ${change}\n`)
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
  const view = await hub.ask<LadderView>('/api/v1/promote', body)
  printLadder(io, view, output, args.dryRun ? 'dry run' : 'promote')
  if (args.dryRun) io.stderr('dry run: nothing was changed\n')
  else if (output === 'table') {
    const find = runningCommand(view.namespace, 'secco ps --wrong')
    const [workloadKind = ''] = view.workload.split('/')
    const assigned = { namespace: view.namespace, name: view.profile, workloadKind }
    const who = newPodsText(assigned, { mode: args.mode, canary: view.canary })
    io.stderr(`  next: ${who}; find running pods with an older filter: ${find}\n`)
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
  printLadder(io, await hub.ask<LadderView>('/api/v1/rollback', args), output, 'rollback')
  return 0
}
