import type { ContainerView } from '../../webhook/confinement/containers/container-views.js'
import type { DenialView } from '../../webhook/confinement/denials/denial-views.js'
import { apiVersion } from '../../src/api/names.js'
import type { SeccompProfile, WorkloadRef } from '../../src/api/seccomp-profile.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { ProfileState } from '../../src/rules/profile-state.js'
import { tinyPrograms } from '../base/tiny-program.js'
import { eventually } from './doctor-links.js'
import { askHub, type HubAccess } from '../hubs/hub-api.js'

/** What is known of the canary's container comes in within some seconds of its start. */
const filterPatienceMs = 15_000

/** Everything but getsid, which the canary asks once. @param arch its machine, as `uname -m` says it */
export const canaryProfile = (
  metadata: { namespace: string; name: string },
  workload: WorkloadRef,
  arch: string
): SeccompProfile => ({
  apiVersion,
  kind: 'SeccompProfile',
  metadata,
  spec: {
    workload,
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: [...tinyPrograms(arch).own], action: 'SCMP_ACT_ALLOW' }]
    }
  }
})

/** One list of all hubs together: each knows what its own satellites see. */
export async function listOf<Item>(hubs: readonly HubAccess[], path: string): Promise<Item[]> {
  const answers = await Promise.all(hubs.map((hub) => askHub<{ items: Item[] }>(hub, path)))
  return answers.flatMap(({ items }) => items)
}

/** The revision of a profile once every node has it. */
export function deliveredTo(hubs: readonly HubAccess[], ref: { namespace: string; name: string }) {
  return eventually(async () => {
    const items = await listOf<ProfileState>(hubs, '/api/v1/states')
    const own = items.find(
      ({ name, namespace }) => name === ref.name && namespace === ref.namespace
    )
    return own?.enforce?.ready === true ? own.enforce : undefined
  })
}

/** The canary's container as the kernel confines it: its filter read and equal, or why it is not. */
export async function proveFilter(
  hubs: readonly HubAccess[],
  isCanary: (view: ContainerView) => boolean,
  digest: string
): Promise<string> {
  let why = 'no satellite saw it: does one watch this runtime?'
  let unread: ContainerView | undefined
  const read = await eventually(async () => {
    const items = await listOf<ContainerView>(hubs, '/api/v1/containers')
    const own = items.find(isCanary)
    if (own !== undefined) why = `${own.state}: ${own.why}`
    unread = own?.state === 'enforced' && own.revision === digest ? own : undefined
    return unread?.checked === 'bytes' || unread?.checked === 'table' ? unread : undefined
  }, filterPatienceMs)
  // Where satellites may not read filters the mode has to do; what was found says so.
  const seen = read ?? unread
  if (seen === undefined) throw new SeccoError('UNAVAILABLE', why)
  return seen.why
}

/**
 * The canary's refused call, with who asked and what it got: a node counts it at once, and says the rest a
 * moment later, where it can. undefined when nobody tells of it.
 */
export async function proveDenial(
  hubs: readonly HubAccess[],
  container: string
): Promise<{ node: string; words: string } | undefined> {
  let counted: DenialView | undefined
  const attributed = await eventually(async () => {
    const items = await listOf<DenialView>(hubs, '/api/v1/denials')
    counted = items.find((one) => one.container === container && one.syscall === 'getsid')
    return counted?.comm === '' ? undefined : counted
  })
  if (attributed !== undefined) {
    const { node, comm, answer } = attributed
    return { node, words: `getsid by ${comm} got ${answer}` }
  }
  if (counted === undefined) return undefined
  return { node: counted.node, words: 'getsid counted, and the node cannot tell by whom,' }
}
