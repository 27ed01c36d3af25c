import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { runtimeDefault } from '../../../src/seccomp/policy/runtime-default.js'
import { type BlockCheck, blockCheckOf } from '../../../src/seccomp/render/block-check.js'
import type { Running } from '../../hub/nodes/inventory.js'
import type { ConfinementSources } from './sources.js'

/** Returns whether a profile like RuntimeDefault is in force: declared, and not another one in the kernel. */
export const runsLikeDefault = ({
  declared,
  checked,
  same
}: Pick<Running, 'declared' | 'checked' | 'same'>): boolean =>
  declared === 'like-default' && (same || checked === 'mode')

/** Returns whether RuntimeDefault, of any capabilities, or a profile like it is in force. */
export const runsDefault = (running: Pick<Running, 'declared' | 'checked' | 'same'>): boolean =>
  runsLikeDefault(running) ||
  (running.declared === 'runtime-default' && (running.same || running.checked === 'mode'))

/** Returns whether the pod of a container asks the runtime for its default. */
export function asksForDefault(
  { container }: Pick<Running, 'container'>,
  podOf: ConfinementSources['pod']
): boolean {
  const containers = podOf(container?.podUid ?? '')?.containers ?? []
  return containers.find(({ name }) => name === container?.name)?.seccomp === 'RuntimeDefault'
}

type Reported = Pick<Running, 'declared' | 'likeDefault' | 'beyondDefault'>

/**
 * Returns what a default, or one like it, denies of RuntimeDefault for default capabilities, and allows beyond it, as its
 * node reports it. Undefined where the report is not whole.
 */
function differenceIn({ declared, likeDefault, beyondDefault }: Reported) {
  const isLike = declared === 'like-default'
  if (beyondDefault === undefined || (isLike && likeDefault === undefined)) return undefined
  const denied = isLike ? (likeDefault?.denied ?? []) : []
  return { denied: new Set(denied), beyond: new Set(beyondDefault.names) }
}

/**
 * Returns what RuntimeDefault, or a profile like it, allows, as its node reports it: what it allows of other arguments counts
 * as allowed. Undefined where the report is not whole.
 */
export function seccompLikeDefault(running: Reported): LinuxSeccomp | undefined {
  const found = differenceIn(running)
  if (found === undefined) return undefined
  const { denied, beyond } = found
  const plain = runtimeDefault()
  const syscalls = (plain.syscalls ?? []).flatMap((rule) => {
    const names = rule.names.filter((name) => !denied.has(name) && !beyond.has(name))
    return names.length === 0 ? [] : [{ ...rule, names }]
  })
  const more = [...beyond].map((name) => ({ names: [name], action: 'SCMP_ACT_ALLOW' as const }))
  return { ...plain, syscalls: [...syscalls, ...more] }
}

/** RuntimeDefault by the machine of a node: one of x86_64 runs programs of 32 bits, too. */
const defaultChecks: Readonly<Record<string, BlockCheck>> = Object.fromEntries(
  ['x86_64', 'aarch64'].map((machine) => [machine, blockCheckOf(runtimeDefault({ machine }))])
)

/**
 * Returns the check of `seccompLikeDefault` without building that profile: there is one for each container.
 * @param machine `uname -m` of its node; for one that is not known the answers are those of x86_64, which allows more
 */
export function checkLikeDefault(running: Reported, machine = 'x86_64'): BlockCheck | undefined {
  const found = differenceIn(running)
  const defaultCheck = defaultChecks[machine] ?? defaultChecks['x86_64']
  if (found === undefined || defaultCheck === undefined) return undefined
  const { denied, beyond } = found
  return (call) => {
    // What its node reports beyond the default is a name: for some of its arguments only, or for all.
    if (beyond.has(call.name)) return (call.args ?? []).length === 0 ? 'some' : 'unknown'
    return denied.has(call.name) ? 'none' : defaultCheck(call)
  }
}
