import type { SeccompProfile } from '../api/seccomp-profile.js'
import type { SeccompRule } from '../api/seccomp-rule.js'
import { SeccoError } from '../lib/errors.js'
import {
  exportedFile,
  isRisky,
  keyOfProfile,
  ownLabel,
  type StartRisk,
  startRiskNext,
  startRiskText
} from '../seccomp/review/start-risk.js'
import { enforcementsOf } from './start-gate.js'

/**
 * Returns why a file that enforces a profile has to be forced: a start under it can fail, and neither its ladder nor a rule
 * enforces that revision yet. Outside Kubernetes the file is what enforces. Undefined where nobody has to force it.
 * @param revision an earlier one; undefined: the newest
 */
export function obstacleToExport(
  profile: SeccompProfile,
  risk: StartRisk,
  rules: readonly SeccompRule[],
  revision?: string
): string | undefined {
  const isEnforced = enforcementsOf(profile, rules).some(
    (one) => one.by !== ownLabel && one.revision === revision
  )
  if (!isRisky(risk) || isEnforced) return undefined
  return startRiskText(profile, risk)
}

interface ExportGate {
  rules: readonly SeccompRule[]
  force: boolean | undefined
  revision?: string | undefined
}

/**
 * Rejects the export of such a file, unless a person forces it.
 * @throws SeccoError INVALID_ARGUMENT naming the field `force`
 */
export function mustBeExportable(
  profile: SeccompProfile,
  risk: StartRisk,
  { rules, force, revision }: ExportGate
): void {
  const why = force === true ? undefined : obstacleToExport(profile, risk, rules, revision)
  if (why === undefined) return
  const text = `${why}; a container with this file is enforced from its start`
  // Whatever is allowed in the profile, an earlier revision stays as it is.
  const next =
    revision === undefined
      ? startRiskNext(profile, risk, { isWritten: true, by: exportedFile })
      : 'export what is approved now, without --revision'
  throw new SeccoError('INVALID_ARGUMENT', `force: ${keyOfProfile(profile)}: ${text}`, {
    field: 'force',
    hint: `${next}; to do it nevertheless add \`--force\``
  })
}
