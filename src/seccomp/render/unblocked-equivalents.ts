import type { SeccompProfile } from '../../api/seccomp-profile.js'
import type { NormalRule } from '../policy/normal-form.js'
import { emergencyOf } from './emergency.js'
import { equivalentsOf } from './equivalents.js'

/** UnblockedEquivalents is what a program can make instead of a blocked syscall. */
export interface UnblockedEquivalents {
  /** The blocked syscall. */
  name: string
  /** Syscalls that do the same and are not blocked, sorted. */
  others: string[]
  /** What `secco block` takes to block them, too; of a block of some arguments, one for each syscall. */
  block: string[]
}

/** Returns what does the same as syscalls that are blocked, or are about to be, and is not blocked by the overlay. Pure. */
export function unblockedEquivalents(
  rules: readonly Pick<NormalRule, 'name' | 'args'>[],
  overlay: SeccompProfile | undefined
): UnblockedEquivalents[] {
  const { denyRules } = emergencyOf(overlay)
  const seen = new Set<string>()
  const found: UnblockedEquivalents[] = []
  for (const { name, args = [] } of rules) {
    const isWhole = args.length === 0
    // fork and vfork have no flags, and clone3 is blocked with clone.
    if (!isWhole && name === 'clone') continue
    const isCovered = (other: string): boolean =>
      rules.some((rule) => rule.name === other && (!isWhole || (rule.args ?? []).length === 0)) ||
      (denyRules.get(other) ?? []).some((rule) => !isWhole || rule.args.length === 0)
    const others = equivalentsOf(name).filter((other) => !isCovered(other))
    if (others.length === 0 || seen.has(others.join())) continue
    seen.add(others.join())
    found.push({ name, others, block: isWhole ? [`${name}+`] : others })
  }
  return found
}
