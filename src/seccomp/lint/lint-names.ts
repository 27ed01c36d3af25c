import type { LinuxSeccomp } from '../../api/seccomp-profile.js'
import { type Abi, abis, scmpArchOf } from '../../syscalls/abi.js'
import { mobyDefault } from '../policy/gen/runtime-default.js'
import type { LintFinding, LintUse } from './lint-finding.js'
import { riskOf } from '../policy/risk.js'
import { runtimeDefault, runtimeDefaultRules } from '../policy/runtime-default.js'
import { isKnownSyscall, syscallNumber } from '../../syscalls/syscall-table.js'
import { type FilterAnswers, answersOf } from '../filter/filter-answers.js'

const floor = answersOf(runtimeDefault())
const limited = new Set(
  [...runtimeDefaultRules()]
    .filter(([, alternatives]) => alternatives.length > 0)
    .map(([name]) => name)
)
/** Names that Docker's profile has for machines that Secco has no table of (s390x, arm, riscv64, ppc64le). */
const foreign = new Set(
  mobyDefault.syscalls
    .flatMap((rule): readonly string[] => rule.names)
    .filter((name) => !isKnownSyscall(name))
)

/** A file may name calls of many machines, and runtimes skip the others; a spec is written for ours. */
function existence(name: string, listed: readonly Abi[], use: LintUse): LintFinding[] {
  if (!isKnownSyscall(name)) {
    const elsewhere = foreign.has(name)
    return [
      {
        severity: use === 'spec' ? 'error' : elsewhere ? 'note' : 'warning',
        rule: elsewhere ? 'other-architecture' : 'unknown-name',
        subject: name,
        message: elsewhere
          ? 'is a syscall of an architecture that Secco does not support'
          : 'is in no syscall table; runtimes ignore it or reject the profile',
        fix: 'correct or remove the name; it is never rendered'
      }
    ]
  }
  if (listed.length === 0 || listed.some((abi) => syscallNumber(abi, name) !== undefined)) return []
  const where = abis.filter((abi) => syscallNumber(abi, name) !== undefined)
  return [
    {
      severity: use === 'spec' ? 'warning' : 'note',
      rule: 'other-architecture',
      subject: name,
      message: `exists on ${where.join(', ')} only, and the profile lists ${listed.join(', ')}`,
      fix: 'remove it, or list the architecture it belongs to'
    }
  ]
}

function power(name: string, verdicts: FilterAnswers, use: LintUse): LintFinding[] {
  if (!verdicts.sometimes(name)) return []
  const inside = floor.sometimes(name)
  const risk = riskOf(name)
  const found: LintFinding[] = []
  if (risk !== undefined) {
    const severity = risk.level === 'high' && !inside ? 'warning' : 'note'
    const fix = 'remove it unless the application cannot work without it'
    found.push({ severity, rule: 'dangerous', subject: name, message: risk.reason, fix })
  }
  if (!inside) {
    found.push({
      severity: risk === undefined ? 'note' : 'warning',
      rule: 'beyond-runtime-default',
      subject: name,
      message: 'RuntimeDefault denies it',
      fix: 'find out why the application calls it; approve it only if the application needs it'
    })
  } else if (use === 'oci' && limited.has(name) && verdicts.always(name)) {
    found.push({
      severity: 'warning',
      rule: 'wider-arguments',
      subject: name,
      message: 'RuntimeDefault allows it with certain arguments only; this profile allows any',
      fix: "render it with `secco render`, which keeps RuntimeDefault's conditions"
    })
  }
  return found
}

/** Returns the findings about each name of a profile. */
export function lintNames(
  seccomp: LinuxSeccomp,
  verdicts: FilterAnswers,
  use: LintUse
): LintFinding[] {
  const listed = abis.filter((abi) => (seccomp.architectures ?? []).includes(scmpArchOf[abi]))
  const names = [...new Set((seccomp.syscalls ?? []).flatMap((rule) => rule.names))].sort()
  return names.flatMap((name) => {
    const wrong = existence(name, listed, use)
    return wrong.length > 0 ? wrong : power(name, verdicts, use)
  })
}
