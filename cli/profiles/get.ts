import type { NodeView, WorkloadView } from '../../webhook/views/view.js'
import { lossesText, workloadOf } from '../../webhook/views/view.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import { SeccoError } from '../../src/lib/errors.js'
import { builtinProfiles } from '../../src/seccomp/render/builtin.js'
import { sizeOfSet } from '../../src/syscalls/syscall-set.js'
import type { Store } from '../../src/store/store.js'
import type { Io } from '../lib/io.js'
import { age, type Column, printListing } from '../lib/output.js'
import type { Output } from '../lib/output-format.js'

export interface GetArgs {
  output: Output
  /** Show only this namespace; undefined: all. */
  namespace: string | undefined
  /** Show only the object of this name; undefined: all. */
  name: string | undefined
  now: number
}

/** Keeps the rows that the arguments select. @throws SeccoError NOT_FOUND for a name that does not exist */
function asked<Row>(
  rows: readonly Row[],
  args: GetArgs,
  of: (row: Row) => { namespace?: string | undefined; name: string }
): Row[] {
  const kept = rows.filter((row) => {
    const { namespace, name } = of(row)
    return (args.namespace ?? namespace) === namespace && (args.name ?? name) === name
  })
  if (args.name === undefined || kept.length > 0) return kept
  throw new SeccoError(
    'NOT_FOUND',
    `${args.name}: there is none of that name${args.namespace === undefined ? '' : ` in ${args.namespace}`}`
  )
}

function condition(profile: SeccompProfile, type: string): string {
  const found = profile.status?.conditions?.find((each) => each.type === type)
  return found === undefined ? '-' : found.status
}

function allowedNames(profile: SeccompProfile): number {
  const rules = profile.spec.seccomp?.syscalls ?? []
  return new Set(
    rules.filter((rule) => rule.action === 'SCMP_ACT_ALLOW').flatMap((rule) => rule.names)
  ).size
}

function profileColumns(now: number): Column<SeccompProfile>[] {
  return [
    { title: 'NAMESPACE', value: (profile) => profile.metadata.namespace ?? '-' },
    { title: 'NAME', value: (profile) => profile.metadata.name },
    { title: 'READY', value: (profile) => condition(profile, 'Ready') },
    {
      title: 'NODES',
      value: ({ status }) =>
        status?.nodes === undefined ? '-' : `${status.nodes.ready}/${status.nodes.total}`
    },
    { title: 'OBSERVED', value: (profile) => String(sizeOfSet(profile.status?.observed ?? {})) },
    { title: 'APPROVED', value: (profile) => String(allowedNames(profile)) },
    { title: 'AGE', value: (profile) => age(profile.metadata.creationTimestamp, now) },
    { title: 'REVISION', value: (profile) => profile.status?.revision ?? '-', wide: true },
    { title: 'EXTENDS', value: (profile) => profile.spec.extends?.join(',') ?? '-', wide: true }
  ]
}

/** `secco get profiles`: lists profiles. */
export async function getProfiles(
  io: Io,
  store: Store,
  args: GetArgs & { builtin?: boolean }
): Promise<number> {
  const all =
    args.builtin === true ? builtinProfiles : await store.list('SeccompProfile', args.namespace)
  return printListing(io, args.output, {
    what: 'profiles',
    rows: asked(all, args, (profile) => profile.metadata),
    columns: profileColumns(args.now),
    name: (profile) => `seccompprofile.secco.dev/${profile.metadata.name}`,
    object: (profile) => profile
  })
}

function ruleTarget(rule: SeccompRule): string {
  return rule.spec.profile === undefined ? '-' : rule.spec.profile.name
}

/** `secco get rules`: lists rules. */
export async function getRules(io: Io, store: Store, args: GetArgs): Promise<number> {
  const all = await store.list('SeccompRule', args.namespace)
  return printListing(io, args.output, {
    what: 'rules',
    rows: asked(all, args, (rule) => rule.metadata),
    columns: [
      { title: 'NAMESPACE', value: (rule: SeccompRule) => rule.metadata.namespace ?? '-' },
      { title: 'NAME', value: (rule) => rule.metadata.name },
      { title: 'MODE', value: (rule) => rule.spec.mode },
      { title: 'PROFILE', value: ruleTarget },
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
  })
}

/** `secco get workloads`: lists what is learned, from the profiles. */
export async function getWorkloads(io: Io, store: Store, args: GetArgs): Promise<number> {
  const all = await store.list('SeccompProfile', args.namespace)
  const rows = asked(
    all.flatMap((profile) => workloadOf(profile) ?? []),
    args,
    (workload) => workload
  )
  return printListing(io, args.output, {
    what: 'workloads',
    rows,
    columns: [
      { title: 'NAMESPACE', value: (workload: WorkloadView) => workload.namespace },
      { title: 'KIND', value: (workload) => workload.kind },
      { title: 'NAME', value: (workload) => workload.name },
      { title: 'CONTAINER', value: (workload) => workload.container },
      { title: 'STATE', value: (workload) => workload.state },
      { title: 'SYSCALLS', value: (workload) => String(workload.observed) },
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
  })
}

function recordingOf(node: NodeView): string {
  if (node.hook === '') return 'no'
  return node.attached ? node.hook : 'detached'
}

/** `secco get nodes`: lists the nodes that the running hub knows. */
export function getNodes(io: Io, nodes: readonly NodeView[], args: GetArgs): number {
  return printListing(io, args.output, {
    what: 'nodes',
    rows: asked(nodes, { ...args, namespace: undefined }, (node) => ({ name: node.name })),
    columns: [
      { title: 'NAME', value: (node: NodeView) => node.name },
      { title: 'STATUS', value: (node) => (node.connected ? 'Connected' : 'Away') },
      { title: 'RECORDING', value: recordingOf },
      { title: 'REVISIONS', value: (node) => String(node.revisions) },
      { title: 'KERNEL', value: (node) => node.kernel },
      { title: 'LAST SEEN', value: (node) => age(node.lastSeen, args.now) },
      { title: 'RUNTIMES', value: (node) => node.runtimes, wide: true },
      { title: 'LOST', value: (node) => lossesText(node.losses) || '-', wide: true },
      { title: 'WHY NOT', value: (node) => node.tracingUnavailable || '-', wide: true }
    ],
    name: (node) => `node/${node.name}`,
    object: (node) => node
  })
}
