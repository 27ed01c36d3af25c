import { labelModeText } from '../../src/seccomp/review/new-pods.js'
import type { NodeView, WorkloadView } from '../../webhook/views/view.js'
import { holdsUpNext } from '../../src/api/node-condition-reasons.js'
import { heldUpText, holdsUpMessage } from '../../webhook/views/holds-up.js'
import { type JudgedNode, nodeProblems } from '../../webhook/views/node-problems.js'
import { lostText, workloadOf } from '../../webhook/views/view.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import { pinOf } from '../../src/confinement/pin.js'
import { otherModeWords, profileOfRule } from '../../src/confinement/rule-mode.js'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'
import { builtinProfiles } from '../../src/seccomp/render/builtin.js'
import { hasContent } from '../../src/seccomp/policy/approval.js'
import { isNameless, isOutside, namelessText } from '../../src/seccomp/review/start-risk.js'
import { approvedNames, observedNames } from '../../src/seccomp/review/profile-size.js'
import { type CompiledSelector, selectorMatches } from '../../src/rules/selector.js'
import type { AnyObject } from '../../src/api/objects.js'
import type { Store } from '../../src/store/store.js'
import { type Io, paint, plain } from '../lib/io.js'
import { parseRef } from '../lib/object-ref.js'
import { age, type Column, printListing } from '../lib/output.js'
import type { ListingView } from '../lib/listing-view.js'
import type { Output } from '../lib/output-format.js'

export interface GetArgs {
  output: Output
  /** Show only this namespace; undefined: all. */
  namespace: string | undefined
  /** Show only the object of this name; undefined: all. */
  name: string | undefined
  /** Show only objects with these labels; undefined: all. */
  selector?: CompiledSelector
  view: ListingView
  now: number
  /** Prints a note when no hub keeps the statuses up to date, and returns whether none does. */
  noteIfStale?: () => Promise<boolean>
}

/** Keeps the rows that the arguments select. @throws SeccoError NOT_FOUND for a name that does not exist */
function asked<Row>(
  rows: readonly Row[],
  args: GetArgs,
  of: (row: Row) => { namespace?: string | undefined; name: string }
): Row[] {
  // NAMESPACE/NAME is as precise as in other verbs, whatever -n says.
  const wanted = args.name === undefined ? undefined : parseRef(args.name, args.namespace ?? '')
  const home = wanted === undefined || wanted.namespace === '' ? args.namespace : wanted.namespace
  const kept = rows.filter((row) => {
    const { namespace, name } = of(row)
    return (home ?? namespace) === namespace && (wanted?.name ?? name) === name
  })
  if (args.name === undefined || kept.length > 0) return kept
  throw new SeccoError(
    'NOT_FOUND',
    `${args.name}: there is none of that name${args.namespace === undefined ? '' : ` in ${args.namespace}`}`
  )
}

/** Keeps the objects whose labels the arguments select. */
function selected<Kept extends AnyObject>(objects: readonly Kept[], { selector }: GetArgs): Kept[] {
  return objects.filter(
    ({ metadata }) => selector === undefined || selectorMatches(selector, metadata.labels ?? {})
  )
}

function condition(profile: SeccompProfile, type: string): string {
  const found = profile.status?.conditions?.find((each) => each.type === type)
  return found === undefined ? '-' : found.status
}

/** Returns what new pods get by the profile's ladder, or by its label where that does not enforce, in a few words. */
function ladderWords(profile: SeccompProfile): string {
  const { mode, canary } = profile.spec.ladder ?? {}
  if (mode === undefined) {
    const isForPods = !isOutside(profile) && !builtinProfiles.includes(profile)
    if (!isForPods || !hasContent(profile.spec)) return '-'
    return labelModeText(profile) === undefined ? 'enforce by label' : 'audit by label'
  }
  const share = canary === undefined ? '' : ` for ${canary.percent}%`
  const pin = pinOf(profile)
  return `${mode}${share}${pin === undefined ? '' : `, pinned to ${pin.revision}`}`
}

/** @param isStale whether no hub runs: nobody knows any more what is ready */
function profileColumns(now: number, isStale: boolean): Column<SeccompProfile>[] {
  const ready = (profile: SeccompProfile): string => {
    const known = condition(profile, 'Ready')
    return isStale && known !== '-' ? 'Unknown' : known
  }
  return [
    { title: 'NAMESPACE', value: (profile) => profile.metadata.namespace ?? '-' },
    { title: 'NAME', value: (profile) => profile.metadata.name },
    { title: 'READY', value: ready },
    {
      title: 'NODES',
      value: ({ status }) =>
        status?.nodes === undefined ? '-' : `${status.nodes.ready}/${status.nodes.total}`
    },
    { title: 'OBSERVED', value: (profile) => String(observedNames(profile).size) },
    { title: 'APPROVED', value: (profile) => String(approvedNames(profile).size) },
    { title: 'AGE', value: (profile) => age(profile.metadata.creationTimestamp, now) },
    { title: 'REVISION', value: (profile) => profile.status?.revision ?? '-', wide: true },
    { title: 'NEW PODS', value: ladderWords, wide: true },
    { title: 'EXTENDS', value: (profile) => profile.spec.extends?.join(',') ?? '-', wide: true }
  ]
}

/** Whether a hub wrote to a profile: approvals alone are of who approved it. */
export function hasHubStatus({ status = {} }: SeccompProfile): boolean {
  return Object.keys(status).some((part) => part !== 'approvals')
}

/** `secco get profiles`: lists profiles. */
export async function getProfiles(
  io: Io,
  store: Store,
  args: GetArgs & { builtin?: boolean; all?: boolean }
): Promise<number> {
  const all =
    args.builtin === true ? builtinProfiles : await store.list('SeccompProfile', args.namespace)
  const isStale = all.some(hasHubStatus) && (await args.noteIfStale?.()) === true
  const found = asked(selected(all, args), args, (profile) => profile.metadata)
  const isShort =
    args.output === 'table' &&
    args.view.format === undefined &&
    args.all !== true &&
    args.name === undefined
  const rows = isShort ? found.filter((profile) => !isNameless(profile)) : found
  const leftOut = namelessText(found.length - rows.length)
  const code = printListing(
    io,
    args.output,
    {
      what: 'profiles',
      rows,
      ...(leftOut === '' ? {} : { none: 'No profiles with a name found.' }),
      columns: profileColumns(args.now, isStale),
      name: (profile) => `seccompprofile.secco.dev/${profile.metadata.name}`,
      object: (profile) => profile
    },
    args.view
  )
  if (leftOut !== '') io.stderr(`  ${leftOut}: -o wide or --all\n`)
  return code
}

/** Returns the mode of a rule, and that of its profile where new pods get that one. */
function ruleMode(rule: SeccompRule, profiles: ReadonlyMap<string, SeccompProfile>): string {
  const other = otherModeWords(rule, profiles)
  return other === undefined ? rule.spec.mode : `${rule.spec.mode} (${other})`
}

/** Returns the profiles of a store by `NAMESPACE/NAME`; none for a person who may only list rules. */
async function profilesByKey(store: Store): Promise<ReadonlyMap<string, SeccompProfile>> {
  try {
    const all = await store.list('SeccompProfile')
    return new Map(all.map((one) => [`${one.metadata.namespace ?? ''}/${one.metadata.name}`, one]))
  } catch (error) {
    if (toSeccoError(error).code === 'FORBIDDEN') return new Map()
    throw error
  }
}

/** `secco get rules`: lists rules. */
export async function getRules(io: Io, store: Store, args: GetArgs): Promise<number> {
  const all = await store.list('SeccompRule', args.namespace)
  const profiles = await profilesByKey(store)
  return printListing(
    io,
    args.output,
    {
      what: 'rules',
      rows: asked(selected(all, args), args, (rule) => rule.metadata),
      columns: [
        { title: 'NAMESPACE', value: (rule: SeccompRule) => rule.metadata.namespace ?? '-' },
        { title: 'NAME', value: (rule) => rule.metadata.name },
        {
          title: 'MODE',
          value: (rule) => ruleMode(rule, profiles)
        },
        { title: 'PROFILE', value: (rule) => profileOfRule(rule) ?? '-' },
        { title: 'PRIORITY', value: (rule) => String(rule.spec.priority ?? 0) },
        { title: 'AGE', value: (rule) => age(rule.metadata.creationTimestamp, args.now) },
        {
          title: 'SELECTOR',
          value: (rule) => JSON.stringify(rule.spec.podSelector ?? {}),
          wide: true
        },
        {
          title: 'WHEN NOT READY',
          value: (rule) => rule.spec.whenNotReady ?? 'RuntimeDefault',
          wide: true
        }
      ],
      name: (rule) => `seccomprule.secco.dev/${rule.metadata.name}`,
      object: (rule) => rule
    },
    args.view
  )
}

/** `secco get workloads`: lists what is learned, from the profiles. */
export async function getWorkloads(io: Io, store: Store, args: GetArgs): Promise<number> {
  const all = await store.list('SeccompProfile', args.namespace)
  if (all.some(hasHubStatus)) await args.noteIfStale?.()
  const rows = asked(
    selected(all, args).flatMap((profile) => workloadOf(profile) ?? []),
    args,
    (workload) => workload
  )
  return printListing(
    io,
    args.output,
    {
      what: 'workloads',
      rows,
      columns: [
        { title: 'NAMESPACE', value: (workload: WorkloadView) => workload.namespace },
        { title: 'KIND', value: (workload) => workload.kind },
        { title: 'NAME', value: (workload) => workload.name },
        { title: 'CONTAINER', value: (workload) => workload.container },
        { title: 'STATE', value: (workload) => workload.state },
        { title: 'OBSERVED', value: (workload) => String(workload.observed) },
        { title: 'INSTANCES', value: (workload) => String(workload.instances) },
        { title: 'NODES', value: (workload) => workload.nodes },
        { title: 'PROBES', value: (workload) => String(workload.probes), wide: true },
        { title: 'SESSIONS', value: (workload) => String(workload.sessions), wide: true },
        {
          title: 'STARTUP ONLY',
          value: ({ startupOnly }) => (startupOnly === undefined ? '-' : String(startupOnly)),
          wide: true
        },
        { title: 'PROFILE', value: (workload) => workload.profile, wide: true },
        { title: 'REVISION', value: (workload) => workload.revision, wide: true }
      ],
      name: (workload) => `${workload.kind.toLowerCase()}/${workload.name}`,
      object: (workload) => workload
    },
    args.view
  )
}

function recordingOf(node: NodeView): string {
  if (node.hook === '') return 'no'
  const recording = node.attached ? node.hook : 'detached'
  return node.connected ? recording : `was ${recording}`
}

/** Returns what a person has to fix on a node, as the pages say it. */
function problemsText(node: NodeView & Partial<JudgedNode>, now: number): string {
  // The hub judges by its own clock; one of before does not judge.
  const { problems = nodeProblems(node, now) } = node
  const wrong = problems.filter(({ level }) => level === 'bad')
  return wrong.map(({ message }) => message).join('; ') || '-'
}

/** `secco get nodes`: lists the nodes that the running hub knows. */
export function getNodes(io: Io, nodes: readonly NodeView[], args: GetArgs): number {
  // A hub of before does not say it.
  const late = nodes.filter(({ holdsUp }: Partial<NodeView>) => (holdsUp ?? []).length > 0)
  for (const { name, holdsUp } of late)
    io.stderr(`${paint(io, 'red', plain(`${name}: ${holdsUpMessage(holdsUp)}`))}\n`)
  if (late.length > 0) io.stderr(`  next: ${holdsUpNext}\n`)
  return printListing(
    io,
    args.output,
    {
      what: 'nodes',
      rows: asked(nodes, { ...args, namespace: undefined }, (node) => ({ name: node.name })),
      columns: [
        { title: 'NAME', value: (node: NodeView) => node.name },
        { title: 'STATUS', value: (node) => (node.connected ? 'Connected' : 'Away') },
        { title: 'RECORDING', value: recordingOf },
        { title: 'REVISIONS', value: (node) => String(node.revisions) },
        { title: 'KERNEL', value: (node) => node.kernel },
        {
          title: 'LAST SEEN',
          value: (node) => age(node.lastSeen, args.now)
        },
        { title: 'HOLDS UP', value: ({ holdsUp }: Partial<NodeView>) => heldUpText(holdsUp ?? []) },
        { title: 'RUNTIMES', value: (node) => node.runtimes, wide: true },
        { title: 'LOST', value: (node) => lostText(node) || '-', wide: true },
        { title: 'WHY NOT', value: (node) => node.tracingUnavailable || '-', wide: true },
        { title: 'PROBLEMS', value: (node) => problemsText(node, args.now), wide: true }
      ],
      name: (node) => `node/${node.name}`,
      object: (node) => node
    },
    args.view
  )
}
