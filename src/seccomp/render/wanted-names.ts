import type { Approved, Grant } from './grants.js'
import { baseNames, type RuntimeVersion } from './base.js'
import { baseArguments } from '../data/base/arguments.js'
import { isWide, widen } from './families.js'
import type { Reason } from '../policy/reason.js'
import { runtimeDefaultRules } from '../policy/runtime-default.js'

const floor = runtimeDefaultRules()

/** A name that should be allowed, before deny rules apply. */
interface Wanted {
  grant: Pick<Grant, 'byName' | 'alternatives'>
  logged: boolean
  reasons: Reason[]
}

/** approved ∪ extends ∪ base ∪ families, each with its reasons. A person's own words come first. */
export function wantedNames(
  approved: Approved,
  runtimes: readonly RuntimeVersion[]
): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>()
  const add = (name: string, reason: Reason, logged = false) => {
    const known = wanted.get(name)
    if (known !== undefined) known.reasons.push(reason)
    else wanted.set(name, { grant: { byName: true, alternatives: [] }, logged, reasons: [reason] })
  }
  for (const [name, grant] of approved.grants) {
    wanted.set(name, { grant, logged: grant.logged, reasons: [...grant.reasons] })
  }
  for (const [name, text] of baseNames(runtimes)) {
    add(name, { kind: 'base', text })
    const one = wanted.get(name)
    if (one === undefined || one.grant.byName) continue
    // Conditions of a profile must not keep the runtime from starting it.
    const own = baseArguments[name]?.map((args) => [...args])
    if (own === undefined) {
      one.reasons.push({
        kind: 'base',
        text: 'allowed with all arguments, whatever conditions are approved'
      })
    }
    const { alternatives } = one.grant
    one.grant =
      own === undefined
        ? { byName: true, alternatives }
        : { byName: false, alternatives: [...alternatives, ...own] }
  }
  const wide = [...approved.grants].filter(([name, grant]) => isWide(name, grant))
  for (const [name, text] of widen(wide.map(([name]) => name))) {
    if (floor.has(name)) add(name, { kind: 'family', text })
  }
  if (approved.everything !== undefined) {
    const logged = approved.everything === 'SCMP_ACT_LOG'
    for (const name of floor.keys()) {
      if (!wanted.has(name))
        add(name, { kind: 'person', text: 'spec.seccomp.defaultAction' }, logged)
    }
  }
  return wanted
}
