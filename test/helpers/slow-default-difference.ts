import type { LinuxSeccomp, SeccompSyscall } from '../../src/api/seccomp-profile.js'
import { defaultRules, defaultVersions } from '../../src/seccomp/policy/gen/known-defaults.js'
import {
  addAnswer,
  answerOf,
  type Answers,
  type Atom,
  atoms,
  type DefaultDifference,
  differenceOf,
  hasAnswer,
  machineOf,
  sizeOf,
  type Version,
  versions
} from '../../src/seccomp/policy/default-versions.js'

/** Returns what a version says to a container with the capabilities that the profile was made for, as it shows. */
function expectedOf({ indexes, byDefault }: Version, answers: Answers, machine: string): Answers {
  const own = [...indexes].flatMap((at) => atoms[at] ?? [])
  const lacking = new Set(
    own.flatMap((atom) =>
      atom.caps.length === 1 && (atom.on ?? machine) === machine && !hasAnswer(answers, atom)
        ? atom.caps
        : []
    )
  )
  const found: Answers = new Map()
  const asked = new Set(own.flatMap(({ caps }) => caps))
  const isHeld = (cap: string): boolean => asked.has(cap) && !lacking.has(cap)
  for (const { name, answer, caps, without, on } of own) {
    if ((on ?? machine) !== machine || !caps.every(isHeld) || without.some(isHeld)) continue
    addAnswer(found, name, answer, byDefault)
  }
  return found
}

/** Returns what `differenceFromDefault` is to return: each version is compared whole, however long it takes. */
export function slowDifference(seccomp: LinuxSeccomp): DefaultDifference {
  const { defaultAction, defaultErrnoRet, syscalls = [] } = seccomp
  const byDefault = answerOf({ action: defaultAction, errnoRet: defaultErrnoRet })
  const answers: Answers = new Map()
  for (const { names, ...rule } of syscalls)
    for (const name of names) addAnswer(answers, name, answerOf(rule), byDefault)
  let best: DefaultDifference | undefined
  for (const version of versions()) {
    const expected = expectedOf(version, answers, machineOf(seccomp))
    const one = differenceOf(answers, expected, version.byDefault !== byDefault)
    if (best === undefined || sizeOf(one) < sizeOf(best)) best = one
    if (sizeOf(best) === 0) break
  }
  if (best === undefined) throw new Error('no default is known')
  for (const list of [best.without, best.with, best.otherwise]) list.sort()
  return best
}

/** Returns what a version that was published says to a container with some capabilities; all of the profiles that exist are near one. */
export function publishedProfile(
  nth: number,
  isHeld: (cap: string) => boolean,
  machine: string
): LinuxSeccomp {
  const { indexes, byDefault } = versions()[nth % defaultVersions.length] as Version
  const rules = [...indexes].flatMap((at) => {
    const { caps, without, on, name, rule } = atoms[at] as Atom
    if ((on ?? machine) !== machine || !caps.every(isHeld) || without.some(isHeld)) return []
    const text = defaultRules[rule]?.[0] ?? '{}'
    const { action, errnoRet, args } = JSON.parse(text) as Omit<SeccompSyscall, 'names'>
    return [
      {
        names: [name],
        action,
        ...(errnoRet === undefined ? {} : { errnoRet }),
        ...(args === undefined ? {} : { args: [...args] })
      }
    ]
  })
  const [, errnoRet = '1'] = byDefault.split(' ')
  return {
    ...{ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: Number(errnoRet) },
    architectures: [machine === 'aarch64' ? 'SCMP_ARCH_AARCH64' : 'SCMP_ARCH_X86_64'],
    syscalls: rules
  }
}

/** Every capability that a version asks for. */
export const askedCapabilities: readonly string[] = [
  ...new Set(atoms.flatMap(({ caps, without }) => [...caps, ...without]))
]
