import type { SeccompProfile } from './seccomp-profile.js'
import type { SeccompRule } from './seccomp-rule.js'

/** Every object of the API group `secco.dev`, by kind. */
export interface Objects {
  SeccompProfile: SeccompProfile
  SeccompRule: SeccompRule
}
export type Kind = keyof Objects
export type AnyObject = Objects[Kind]
