import type { ContainerView } from '../../webhook/confinement/containers/container-views.js'
import type { DenialView } from '../../webhook/confinement/denials/denial-views.js'
import { apiVersion } from '../../src/api/names.js'
import type { SeccompProfile, WorkloadRef } from '../../src/api/seccomp-profile.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { ProfileState } from '../../src/rules/profile-state.js'
import { tinyPrograms } from '../base/tiny-program.js'
import { eventually } from './doctor-links.js'
import type { Hub } from '../hubs/hub.js'

/** The report on the canary's container arrives some seconds after its start. */
const filterPatienceMs = 15_000

/** The canary's profile denies getsid, which the canary calls once. @param arch its machine, as in `uname -m` */
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

/** Waits for the revision of a profile until every node has it. */
export function deliveredTo(hub: Hub, ref: { namespace: string; name: string }) {
  return eventually(async () => {
    const items = await hub.list<ProfileState>('/api/v1/states')
    const own = items.find(
      ({ name, namespace }) => name === ref.name && namespace === ref.namespace
    )
    return own?.enforce?.ready === true ? own.enforce : undefined
  })
}

/** Proves that the kernel's filter of the canary equals the revision. @throws SeccoError with the reason otherwise */
export async function proveFilter(
  hub: Hub,
  isCanary: (view: ContainerView) => boolean,
  digest: string
): Promise<string> {
  let why = 'no satellite reported it: check that one watches this runtime'
  let unread: ContainerView | undefined
  const read = await eventually(async () => {
    const items = await hub.list<ContainerView>('/api/v1/containers')
    const own = items.find(isCanary)
    if (own !== undefined) why = `${own.state}: ${own.why}`
    unread = own?.state === 'enforced' && own.revision === digest ? own : undefined
    return unread?.checked === 'bytes' || unread?.checked === 'table' ? unread : undefined
  }, filterPatienceMs)
  // Where satellites may not read filters, the seccomp mode has to do; the text says so.
  const seen = read ?? unread
  if (seen === undefined) throw new SeccoError('UNAVAILABLE', why)
  return seen.why
}

/**
 * Waits for the canary's denial, with its process and answer. A node counts the denial at once and reports the rest a
 * moment later, where it can. Returns undefined when no node reports the denial.
 */
export async function proveDenial(
  hub: Hub,
  container: string
): Promise<{ node: string; words: string } | undefined> {
  let counted: DenialView | undefined
  const attributed = await eventually(async () => {
    const items = await hub.list<DenialView>('/api/v1/denials')
    counted = items.find((one) => one.container === container && one.syscall === 'getsid')
    return counted?.comm === '' ? undefined : counted
  })
  if (attributed !== undefined) {
    const { node, comm, answer } = attributed
    return { node, words: `getsid by ${comm} got ${answer}` }
  }
  if (counted === undefined) return undefined
  return { node: counted.node, words: 'getsid was counted without its process' }
}
