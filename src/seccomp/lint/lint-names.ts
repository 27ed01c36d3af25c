import type { LinuxSeccomp } from '../../api/seccomp-profile.js'
import { type Abi, abis, scmpArchOf } from '../../syscalls/abi.js'
import { mobyDefault } from '../policy/gen/runtime-default.js'
import type { LintFinding, LintUse } from './lint-finding.js'
import { enosysNames } from '../policy/probes.js'
import { widen } from '../render/families.js'
import { riskOf } from '../policy/risk.js'
import { runtimeDefault, runtimeDefaultRules } from '../policy/runtime-default.js'
import { existsOn, isKnownSyscall, syscallNumber } from '../../syscalls/syscall-table.js'
import { type FilterAnswers, answersOf, isAllowAction } from '../filter/filter-answers.js'

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
function unknownName(name: string, use: LintUse): LintFinding {
  const elsewhere = foreign.has(name)
  return {
    severity: use === 'spec' ? 'error' : elsewhere ? 'note' : 'warning',
    rule: elsewhere ? 'other-architecture' : 'unknown-name',
    subject: name,
    message: elsewhere
      ? 'is a syscall of an architecture that Secco does not support'
      : 'is in no syscall table; runtimes ignore it or reject the profile',
    fix: 'correct or remove the name; it is never rendered'
  }
}

/** Returns the ABIs that a profile lists; none: it is for every one. */
export function listedAbis({ architectures = [] }: LinuxSeccomp): Abi[] {
  return abis.filter((abi) => architectures.includes(scmpArchOf[abi]))
}

/** Whether a syscall exists on a listed ABI. */
export function isListed(name: string, listed: readonly Abi[]): boolean {
  return listed.length === 0 || existsOn(listed, name)
}

/**
 * Returns the names of other ABIs that stand there for libraries only: a family has a member that is allowed on a listed
 * ABI, or the name is answered with ENOSYS because callers try it first. Rendering adds both, so nobody has to remove them.
 */
function exchangedNames(seccomp: LinuxSeccomp, others: readonly string[], listed: readonly Abi[]) {
  const rules = seccomp.syscalls ?? []
  const allowed = rules.filter(({ action }) => isAllowAction(action)).flatMap(({ names }) => names)
  const relatives = widen(allowed.filter((name) => isListed(name, listed)))
  const isTriedFirst = (name: string) =>
    enosysNames.has(name) &&
    rules
      .filter(({ names }) => names.includes(name))
      .every(({ action, errnoRet }) => action === 'SCMP_ACT_ERRNO' && errnoRet === 38)
  // `widen` leaves out what it was given: only names of listed ABIs were.
  return new Set(others.filter((name) => relatives.has(name) || isTriedFirst(name)))
}

/** Returns one finding for all names of the same other ABIs: a profile for two ABIs has dozens of them. */
function ofOtherAbis(
  seccomp: LinuxSeccomp,
  names: readonly string[],
  listed: readonly Abi[],
  use: LintUse
): LintFinding[] {
  const exchanged = exchangedNames(seccomp, names, listed)
  const groups = new Map<string, string[]>()
  const whereOf = (name: string) =>
    abis.filter((abi) => syscallNumber(abi, name) !== undefined).join(', ')
  for (const name of names) {
    const key = `${String(exchanged.has(name))} ${whereOf(name)}`
    groups.set(key, [...(groups.get(key) ?? []), name])
  }
  return [...groups.values()].map((group) => {
    const [first = ''] = group
    const isExchanged = exchanged.has(first)
    const [exist, them] = group.length === 1 ? ['exists', 'it'] : ['exist', 'them']
    const text = `${exist} on ${whereOf(first)} only, and the profile lists ${listed.join(', ')}`
    return {
      severity: use === 'spec' && !isExchanged ? 'warning' : 'note',
      rule: 'other-architecture',
      subject: group.join(', '),
      message: isExchanged ? `${text}: runtimes skip ${them}, and no step is needed` : text,
      fix: isExchanged
        ? 'nothing: libraries exchange these names across ABIs'
        : `remove ${them}, or list the architecture`
    }
  })
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
  const listed = listedAbis(seccomp)
  const names = [...new Set((seccomp.syscalls ?? []).flatMap((rule) => rule.names))].sort()
  const known = names.filter(isKnownSyscall)
  return [
    ...names.filter((name) => !isKnownSyscall(name)).map((name) => unknownName(name, use)),
    ...ofOtherAbis(
      seccomp,
      known.filter((name) => !isListed(name, listed)),
      listed,
      use
    ),
    ...known.filter((name) => isListed(name, listed)).flatMap((name) => power(name, verdicts, use))
  ]
}
