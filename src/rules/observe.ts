import type { Decision } from './decision.js'
import type { Labels } from './selector.js'

/** What an installation does where a namespace says nothing. */
export const installModes = ['observe', 'enforce'] as const
export type InstallMode = (typeof installModes)[number]

/** On a namespace: `enabled` or `observe`, whatever the installation says. */
export const modeLabel = 'secco.dev/mode'

/**
 * Whether pods of a namespace are only told what would happen. A namespace whose labels are not known
 * follows the installation.
 */
export function isObserved(installed: InstallMode, namespace: Labels): boolean {
  const stated = Object.hasOwn(namespace, modeLabel) ? namespace[modeLabel] : undefined
  if (stated === 'enabled') return false
  return stated === 'observe' || installed === 'observe'
}

/**
 * The same decision, only told: nothing is changed and nobody is refused. `containers` and `reason`
 * still say what would have happened, for the log and for people. Pure.
 */
export function observedOnly(decision: Decision, namespace: string): Decision {
  if (decision.decision !== 'patched' && decision.decision !== 'denied') return decision
  const told = decision.allowed ? decision.warnings : [decision.message, ...decision.warnings]
  const warnings = told.map((text) => text.replace(/^secco: /, 'secco would: '))
  const how = `secco: observe only, nothing was changed: kubectl label namespace ${namespace} ${modeLabel}=enabled`
  return {
    ...decision,
    decision: 'observed',
    allowed: true,
    message: '',
    podRuntimeDefault: false,
    warnings: [...warnings, how]
  }
}
