import { rootNamespace } from '../../../src/api/names.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import { rulesFor } from '../../../src/confinement/rules-for.js'
import {
  enforcementsOf,
  isNotEnforcedByRules,
  mustNotBeginToEnforce
} from '../../../src/confinement/start-gate.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { quoted } from '../../../src/lib/shell-word.js'
import type { Confinement } from '../containers/confinement.js'

/** StepCheck checks the steps of a profile on its ladder: none of them begins to enforce a start that can fail. */
export interface StepCheck {
  /** The stored rules that can give the profile to pods. */
  rules: readonly SeccompRule[]
  /**
   * @param before what is enforced already; undefined: the person decides about its start again
   * @param nevertheless how a person forces the step
   * @throws SeccoError INVALID_ARGUMENT naming the field `force`
   */
  step(
    before: SeccompProfile | undefined,
    after: SeccompProfile,
    nevertheless: (key: string) => string
  ): void
}

/**
 * Returns the check of a step.
 * @param wanted the profile after the step, whose earlier revisions are read
 */
export async function stepCheck(
  confinement: Confinement,
  wanted: SeccompProfile,
  force: boolean | undefined
): Promise<StepCheck> {
  const { revisions, sources } = confinement
  for (const { revision = '' } of enforcementsOf(wanted, [])) revisions.seccompOf(revision)
  await revisions.settled()
  const rules = await rulesFor(sources.store, wanted.metadata.namespace)
  const facts = {
    resolve: (namespace: string, name: string) => confinement.profile(`${namespace}/${name}`),
    filterOf: (digest: string) => revisions.seccompOf(digest)
  }
  return {
    rules,
    step: (before, after, nevertheless) => {
      const was = { profiles: before === undefined ? [] : [before], rules }
      const options = { ...facts, force, nevertheless }
      mustNotBeginToEnforce(was, { profiles: [after], rules }, options)
    }
  }
}

/**
 * Rejects a way back of a profile that only rules give to pods, in a less strict mode: the revision before it would come in
 * enforce mode.
 * @throws SeccoError INVALID_ARGUMENT
 */
export function mustNotTighten(profile: SeccompProfile, rules: readonly SeccompRule[]): void {
  if (profile.spec.ladder !== undefined || !isNotEnforcedByRules(profile, rules)) return
  const { namespace = rootNamespace, name } = profile.metadata
  const key = `${namespace}/${name}`
  throw new SeccoError(
    'INVALID_ARGUMENT',
    `${key}: its rules give it in a mode below enforce, and a way back would enforce the revision before`,
    {
      hint: `to change what it allows: secco profile call ${quoted(key)} --deny CALL --reason WHY`
    }
  )
}
