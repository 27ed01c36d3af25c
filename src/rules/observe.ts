import type { Decision } from './decision.js'
import type { Labels } from './selector.js'

/** What an installation does for a namespace without a mode label. */
export const installModes = ['observe', 'enforce'] as const
export type InstallMode = (typeof installModes)[number]

/** Label of a namespace, `enabled` or `observe`; it wins over the mode of the installation. */
export const modeLabel = 'secco.dev/mode'

/**
 * Whether pods of a namespace are only observed. A namespace whose labels are unknown
 * follows the installation.
 */
export function isObserved(installed: InstallMode, namespace: Labels): boolean {
  const stated = Object.hasOwn(namespace, modeLabel) ? namespace[modeLabel] : undefined
  if (stated === 'enabled') return false
  return stated === 'observe' || installed === 'observe'
}

/**
 * Returns the decision in observe mode: no pod is changed or rejected. `containers` and `reason`
 * still state what would have happened, for the log and for people. Pure.
 */
export function observedOnly(decision: Decision, namespace: string): Decision {
  if (decision.decision !== 'patched' && decision.decision !== 'denied') return decision
  const messages = decision.allowed ? decision.warnings : [decision.message, ...decision.warnings]
  const warnings = messages.map((text) => text.replace(/^secco: /, 'secco would: '))
  const how = `secco: observe only, nothing was changed: kubectl label --overwrite namespace ${namespace} ${modeLabel}=enabled`
  return {
    ...decision,
    decision: 'observed',
    allowed: true,
    message: '',
    podRuntimeDefault: false,
    warnings: [...warnings, how]
  }
}
