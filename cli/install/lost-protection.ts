import { annotations } from '../../src/api/names.js'
import { hubPath } from '../../src/api/hub-path.js'
import { toSeccoError } from '../../src/lib/errors.js'
import { plural } from '../../src/lib/plural.js'
import { assignedOf } from '../../src/confinement/assigned.js'
import { type OwnerReference, topmostOwner } from '../../src/rules/topmost-owner.js'
import { type ApiCall, listCollection } from '../../src/store/kubernetes-call.js'
import { type Io, plain } from '../lib/io.js'
import { namespace as ownNamespace } from './names.js'
import { ownProfilesPath } from './own-profile.js'

/** Names that are printed at most; a cluster may have thousands of workloads. */
const mostNamed = 20

interface Container {
  name: string
  securityContext?: { seccompProfile?: SeccompProfileField }
}
interface SeccompProfileField {
  type?: string
  localhostProfile?: string
}

/** Pod is what matters here of a pod, as the API server lists it. */
interface Pod {
  metadata: {
    namespace?: string
    name: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
    ownerReferences?: (OwnerReference & { controller?: boolean })[]
  }
  spec?: {
    securityContext?: { seccompProfile?: SeccompProfileField }
    containers?: Container[]
    initContainers?: Container[]
  }
  status?: { phase?: string }
}

/** What an installation leaves behind, as it was known before its programs ended. */
export interface LeftBehind {
  /** `NAMESPACE/KIND/NAME` of workloads whose new pods get no profile any more. */
  unprotected: readonly string[]
  /** Workloads whose own templates name files of Secco. */
  named: readonly string[]
  /** Why the workloads are not known; '' if they are. */
  unknown: string
  /** Revision files by node; undefined where no hub answers. */
  files: readonly number[] | undefined
}

/** Outcomes with which a container got something from Secco. */
const gives = new Set(['assigned', 'learn', 'runtime-default'])

const isSeccoFile = (field: SeccompProfileField | undefined): boolean =>
  field?.type === 'Localhost' && field.localhostProfile?.startsWith('secco/') === true

function workloadOf({ metadata }: Pod): string {
  const { namespace = '', name, labels = {}, ownerReferences = [] } = metadata
  const controller = ownerReferences.find((one) => one.controller === true)
  const owner = controller === undefined ? { kind: 'Pod', name } : topmostOwner(controller, labels)
  return `${namespace}/${owner.kind}/${owner.name}`
}

/** Returns whether Secco gave a pod something, and whether its author named a file that Secco did not give it. */
function marksOf({ metadata, spec = {} }: Pod): { isGiven: boolean; isNamed: boolean } {
  const annotation = metadata.annotations?.[annotations.assigned]
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? [])]
  const entries = containers.map(({ name, securityContext }) => ({
    given: assignedOf(annotation, name),
    isFile: isSeccoFile(securityContext?.seccompProfile)
  }))
  return {
    isGiven: entries.some(({ given }) => gives.has(given?.outcome ?? '')),
    isNamed:
      isSeccoFile(spec.securityContext?.seccompProfile) ||
      entries.some(({ given, isFile }) => isFile && given?.outcome !== 'assigned')
  }
}

/** Returns the workloads of pods that have not ended, by what Secco is to them. */
export function workloadsOf(pods: readonly Pod[]): Pick<LeftBehind, 'unprotected' | 'named'> {
  const [unprotected, named] = [new Set<string>(), new Set<string>()]
  for (const pod of pods) {
    const isEnded = ['Succeeded', 'Failed'].includes(pod.status?.phase ?? '')
    if (isEnded || pod.metadata.namespace === ownNamespace) continue
    const { isGiven, isNamed } = marksOf(pod)
    if (isGiven) unprotected.add(workloadOf(pod))
    if (isNamed) named.add(workloadOf(pod))
  }
  return { unprotected: [...unprotected].sort(), named: [...named].sort() }
}

/** Returns the number of revision files of each node, from the active hub through the API server. */
async function filesOf(call: ApiCall): Promise<readonly number[] | undefined> {
  try {
    const { items } = (await call('GET', `${hubPath(undefined)}/api/v1/nodes`, {
      timeoutMs: 5000
    })) as { items: { revisions?: number }[] }
    return items.map(({ revisions = 0 }) => revisions)
  } catch {
    // An installation without the aggregated API, or one whose hub has ended: the removal goes on without the figure.
    return undefined
  }
}

/** Reads what the removal leaves behind. It is asked before anything is removed: no hub answers later. */
export async function readLeftBehind(call: ApiCall): Promise<LeftBehind> {
  const files = await filesOf(call)
  try {
    const { items } = await listCollection(call, '/api/v1/pods')
    return { ...workloadsOf(items), unknown: '', files }
  } catch (error) {
    const { code, message } = toSeccoError(error)
    return { unprotected: [], named: [], unknown: code === 'NOT_FOUND' ? '' : message, files }
  }
}

function listText(workloads: readonly string[]): string {
  const more = workloads.length - mostNamed
  const words = workloads.slice(0, mostNamed).join(', ')
  return more > 0 ? `${words} and ${more} more` : words
}

/** Prints which workloads lose their protection. */
export function printLost(io: Io, { unprotected, named, unknown }: LeftBehind): void {
  const say = (text: string): void => io.stderr(`${plain(text)}\n`)
  if (unknown !== '') say(`not known which workloads lose their protection: ${unknown}`)
  if (unprotected.length > 0) {
    const what = plural(unprotected.length, 'workload loses', 'workloads lose')
    say(`${what} what Secco gives: new pods get none, running pods keep their filter`)
    say(`  ${listText(unprotected)}`)
  }
  if (named.length > 0) {
    const what = plural(named.length, 'workload names', 'workloads name')
    say(
      `${what} files below secco/ in its own template: new pods fail to start where they are gone`
    )
    say(`  ${listText(named)}`)
  }
}

/** Prints which files stay on the nodes. */
export function printKeptFiles(io: Io, { files }: LeftBehind): void {
  const total = (files ?? []).reduce((sum, one) => sum + one, 0)
  const nodes = (files ?? []).filter((one) => one > 0).length
  const count =
    files === undefined
      ? ''
      : ` (${plural(total, 'revision file')} on ${plural(nodes, 'node')} when the hub last knew)`
  io.stderr(
    `kept on nodes: files of profiles below /var/lib/kubelet/seccomp/secco${count}, Secco's own in ${ownProfilesPath}, ` +
      'and /var/lib/secco: observations that wait for the hub, and what satellites note\n'
  )
}
