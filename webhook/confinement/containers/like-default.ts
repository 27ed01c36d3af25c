import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { answersOf, type FilterAnswers } from '../../../src/seccomp/filter/filter-answers.js'
import { runtimeDefault } from '../../../src/seccomp/policy/runtime-default.js'
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

const defaultAnswers = answersOf(runtimeDefault())

/** Returns the answers of `seccompLikeDefault`, without building it: there is one for each container. */
export function answersLikeDefault(
  running: Reported
): Pick<FilterAnswers, 'always' | 'sometimes'> | undefined {
  const found = differenceIn(running)
  if (found === undefined) return undefined
  const { denied, beyond } = found
  return {
    always: (name) => beyond.has(name) || (!denied.has(name) && defaultAnswers.always(name)),
    sometimes: (name) => beyond.has(name) || (!denied.has(name) && defaultAnswers.sometimes(name))
  }
}
