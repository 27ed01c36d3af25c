import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { oncePer } from '../../../src/lib/once-per.js'
import { argumentVerdictsOf } from '../../../src/seccomp/filter/argument-verdict.js'
import { rulesOf } from '../../../src/seccomp/policy/normal-form.js'
import { blockText, decisionToBlock } from '../../../src/seccomp/render/block.js'
import { decisionAbout, emergencyOf } from '../../../src/seccomp/render/emergency.js'
import { type Abi, abis } from '../../../src/syscalls/abi.js'
import type { DenialRow } from '../../hub/denials/denial-row.js'
import { argumentsIn } from './call-arguments.js'

/** BlockOfCall is what an emergency block says of a call. */
export interface BlockOfCall {
  /** What `secco block WHAT --remove` takes; undefined for a rule that no word expresses. */
  what: string | undefined
  /** RFC 3339; undefined where no decision is recorded. */
  at: string | undefined
}

const rulesOfOverlay = oncePer(({ spec }: SeccompProfile) =>
  spec.seccomp === undefined ? [] : rulesOf(spec.seccomp)
)

/** Returns the emergency block that denies a call; undefined where none does, or where that depends on unknown arguments. */
export function blockOfCall(
  overlay: SeccompProfile | undefined,
  { abi, syscall, arguments: args }: Pick<DenialRow, 'abi' | 'syscall' | 'arguments'>
): BlockOfCall | undefined {
  if (overlay === undefined) return undefined
  const denied = emergencyOf(overlay).denyRules.get(syscall) ?? []
  if (denied.length === 0) return undefined
  const called: Abi = abis.find((each) => each === abi) ?? 'x86_64'
  const denies = (conditions: (typeof denied)[number]['args']): boolean =>
    conditions.length === 0 ||
    argumentVerdictsOf(
      {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: [syscall], action: 'SCMP_ACT_ERRNO', args: [...conditions] }]
      },
      called === 'aarch64' ? called : 'x86_64'
    ).of(called, syscall, argumentsIn(args)).kind === 'denied'
  if (!denied.some((rule) => denies(rule.args))) return undefined
  const own = rulesOfOverlay(overlay).filter(({ name }) => name === syscall)
  const rule = own.find((one) => denies(one.args ?? [])) ?? own[0]
  const what = rule === undefined ? undefined : blockText(rule)
  const decision =
    what === undefined ? decisionAbout(overlay, syscall) : decisionToBlock(overlay, what, syscall)
  return { what, at: decision?.at }
}
