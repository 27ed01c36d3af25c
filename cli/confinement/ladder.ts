import { modeTexts } from '../../src/api/seccomp-rule.js'
import type { LadderStep } from '../../src/api/ladder.js'
import type { Assignment } from '../../webhook/confinement/ladder/assignment.js'
import { givenTexts, inForceText } from '../../webhook/confinement/ladder/assignment-words.js'
import type { LadderView } from '../../webhook/confinement/ladder/ladder-view.js'
import { plural } from '../../src/lib/plural.js'
import { newPodsText, othersText, runningCommand } from '../../src/seccomp/review/new-pods.js'
import { type Io, plain } from '../lib/io.js'
import { readyWait } from '../lib/ready-wait.js'
import { printObject } from '../lib/output.js'
import type { Hub } from '../hubs/hub.js'

/** LadderAnswer is the answer to a step: the workload as it is, what gives it its profile, and in a dry run the step. */
type LadderAnswer = LadderView & {
  /** Absent: of an earlier hub. */
  assignment?: Assignment
  would?: Pick<LadderStep, 'action' | 'from' | 'to'> & { others?: Parameters<typeof othersText>[0] }
}

interface PromoteArgs {
  profile: string
  mode: 'audit' | 'enforce'
  canary: number | undefined
  quietFor: string | undefined
  /** Empty only in a dry run. */
  reason: string
  dryRun: boolean
  /** Accept a less strict mode. */
  force: boolean
}

/** Prints where the profile is in force, what gives it to new pods, and how to give it to those that nothing gives it to. */
function printAssignment(io: Io, assignment: Assignment | undefined): void {
  if (assignment === undefined) return
  io.stdout(`${inForceText(assignment)}\n`)
  for (const text of givenTexts(assignment)) io.stdout(`  ${plain(text)}\n`)
  if (assignment.command !== '') {
    io.stdout(`  a rule gives it to them: ${plain(assignment.command)}\n`)
  }
}

/** Prints the canary that runs. */
function printCanary(io: Io, canary: NonNullable<LadderView['canary']>): void {
  io.stdout(
    `canary: ${canary.percent}% get ${canary.to.mode} ${canary.to.revision.slice(0, 19)}, ` +
      `${othersText(canary.from)}\n` +
      `  ${plural(canary.containers, 'container runs', 'containers run')} its revision now, ` +
      `${plural(canary.others, 'other')}; ` +
      `${canary.denials} denials, ${canary.restarts} restarts; ${plain(canary.verdict)}\n`
  )
}

function printLadder(io: Io, view: LadderAnswer, output: 'table' | 'json' | 'yaml'): void {
  if (output !== 'table') {
    printObject(io, output, view)
    return
  }
  const { namespace, profile, mode, revision, canary, evidence, next, history, would } = view
  const now = mode === '' ? 'as its rules say' : mode
  io.stdout(`${namespace}/${profile}: ${now} ${revision.slice(0, 19)}\n`)
  if (canary !== null) printCanary(io, canary)
  // Who takes a step sees the evidence on which it was taken.
  if (would === undefined && evidence.length > 0) {
    io.stdout('evidence, as it was before the step:\n')
  }
  for (const line of evidence) io.stdout(`  ${plain(line)}\n`)
  if (next.mode !== '') {
    const why = next.ready ? '' : `, not yet: ${plain(next.reasons.join('; '))}`
    io.stdout(`next mode: ${next.mode}${why}\n`)
  }
  const last = history.at(-1)
  if (last !== undefined) {
    const reason = last.reason === undefined ? '' : ` (${plain(last.reason)})`
    io.stdout(
      `last step: ${last.action} by ${plain(last.by)} at ${last.at}: ${last.from} → ${last.to}${reason}\n`
    )
  }
  if (would !== undefined) {
    const others = would.others === undefined ? '' : `, ${othersText(would.others)}`
    io.stdout(
      `the step would be: ${would.action}: ${would.from} → ${would.to}${others}\nafter it, `
    )
  }
  printAssignment(io, view.assignment)
}

/** Prints what to wait for before pods are rolled: a replica of the webhook may still give them the mode of before. */
function printWait(io: Io, { namespace, profile, workload }: LadderAnswer): void {
  // Outside Kubernetes, and where nobody knows, there is nothing that kubectl could wait for.
  if (workload === '' || workload.startsWith('Container/')) return
  io.stderr(`  ${readyWait(namespace, [profile])}\n`)
}

/** Returns what to do after a promotion: put it in force in the pods that run, or else who gets it. */
function nextText(view: LadderAnswer, mode: 'audit' | 'enforce'): string {
  const { namespace, profile, canary, assignment } = view
  const [workloadKind = ''] = view.workload.split('/')
  // Outside Kubernetes nothing gives a filter to what runs: whoever creates a container does.
  const isOutside = workloadKind === 'Container'
  if (isOutside || assignment === undefined || assignment.containers === 0) {
    const who = newPodsText({ namespace, name: profile, workloadKind }, { mode, canary })
    return `${who}; see what runs with \`${runningCommand(namespace)}\``
  }
  return `find running pods with an older filter: ${runningCommand(namespace, 'secco ps --wrong')}`
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
  const view = await hub.ask<LadderAnswer>('/api/v1/promote', body)
  printLadder(io, view, output)
  if (args.dryRun && output === 'table') io.stderr(`${args.mode}: ${modeTexts[args.mode]}\n`)
  if (args.dryRun) io.stderr('dry run: nothing was changed\n')
  else if (output === 'table') {
    printWait(io, view)
    io.stderr(`  next: ${nextText(view, args.mode)}\n`)
  }
  return 0
}

/** `secco rollback`: moves a workload back to its earlier mode or revision. */
export async function rollbackWorkload(
  io: Io,
  hub: Hub,
  args: { profile: string; reason: string; force?: boolean },
  output: 'table' | 'json' | 'yaml'
): Promise<number> {
  const view = await hub.ask<LadderAnswer>('/api/v1/rollback', args)
  printLadder(io, view, output)
  if (output === 'table') printWait(io, view)
  return 0
}
