import type {
  LinuxSeccomp,
  SeccompAction,
  SeccompArg,
  SeccompSyscall
} from '../../api/seccomp-profile.js'
import { seccompActions, seccompArchitectures, seccompOperators } from '../../api/seccomp-words.js'
import { isKnownSyscall } from '../../syscalls/syscall-table.js'
import { isMapping, list, mapping, oneOf, onlyKeys, type Mapping, type Place } from './fields.js'
import { invalidField, shown, text, under, whole } from './fields.js'
import { foreignArchitecture } from './foreign-names.js'
import { largerArgument, limits } from '../../api/limits.js'
import { type Lose, listed } from './loss.js'

/** ENOSYS: what TRACE without a tracer and NOTIFY without a listener answer (seccomp(2)). */
const enosys = 38
const maxErrno = 4095

/** Differences between the formats that share the OCI shape. */
interface Dialect {
  /** Keys of the object and of a rule beside those of the OCI runtime-spec. */
  profileKeys: readonly string[]
  ruleKeys: readonly string[]
  /** False: the rule does not apply here. */
  applies?: (rule: Mapping, place: Place) => boolean
  /** errnoRet as this format spells it; default: a whole number. */
  errno?: (rule: Mapping, place: Place) => number | undefined
}

const strict: Dialect = { profileKeys: [], ruleKeys: [] }

const profileKeys = [
  ...['defaultAction', 'defaultErrnoRet', 'architectures', 'flags', 'listenerPath'],
  ...['listenerMetadata', 'syscalls']
]
const ruleKeys = ['names', 'action', 'errnoRet', 'args']
const withSupervisor = ['SCMP_ACT_TRACE', 'SCMP_ACT_NOTIFY'] as const
const anyAction = [...seccompActions, ...withSupervisor] as const

function readErrno(value: unknown, place: Place): number | undefined {
  return value === undefined || value === null ? undefined : whole(value, place, 0, maxErrno)
}

/** Reports errno 0 as a loss: the kernel skips the call and returns 0, and its caller takes that for success. */
function realErrno(
  action: SeccompAction,
  errno: number | undefined,
  place: Place,
  lose: Lose
): number | undefined {
  if (errno !== 0 || action !== 'SCMP_ACT_ERRNO') return errno
  lose({
    path: place.path,
    what: 'errno 0',
    why: 'the syscall is not made, but its caller sees success',
    fix: 'imported without it: the syscall is denied with EPERM'
  })
  return undefined
}

function readArg(value: unknown, place: Place): SeccompArg {
  const arg = mapping(value, place)
  onlyKeys(arg, place, ['index', 'value', 'valueTwo', 'op'])
  const op = oneOf(arg['op'], under(place, 'op'), seccompOperators)
  const number = (key: string) => {
    const given = arg[key] ?? 0
    if (typeof given === 'number' && given > limits.argument)
      throw invalidField(under(place, key), largerArgument)
    return whole(given, under(place, key), 0, limits.argument)
  }
  const two = number('valueTwo')
  return {
    index: whole(arg['index'], under(place, 'index'), 0, 5),
    value: number('value'),
    ...(op === 'SCMP_CMP_MASKED_EQ' ? { valueTwo: two } : {}),
    op
  }
}

/** Alternatives of conditions: two on one argument are what runtimes combine with OR, one rule for each. */
function readArgs(value: unknown, place: Place, lose: Lose): SeccompArg[][] {
  const args = list(value ?? [], place, 6).map((arg, index) => readArg(arg, under(place, index)))
  if (new Set(args.map((arg) => arg.index)).size === args.length) return [args]
  lose({
    path: place.path,
    what: 'several conditions on one argument',
    why: 'libseccomp rejects them, and runtimes then combine all conditions of the rule with OR',
    fix: 'imported as one rule for each condition, which is what runs'
  })
  return args.map((arg) => [arg])
}

function readNames(rule: Mapping, place: Place, lose: Lose): string[] {
  const legacy = rule['name']
  const path = under(place, legacy === undefined ? 'names' : 'name')
  const given = legacy === undefined ? list(rule['names'], path, limits.names) : [legacy]
  const names = [...new Set(given.map((name, index) => text(name, under(path, index))))]
  const gone = names.filter((name) => !isKnownSyscall(name))
  const elsewhere = gone.filter((name) => foreignArchitecture(name) !== undefined)
  const unknown = gone.filter((name) => !elsewhere.includes(name)).map(shown)
  if (elsewhere.length > 0) {
    const where = [...new Set(elsewhere.map((name) => foreignArchitecture(name)))].join(', ')
    lose({
      path: path.path,
      what: listed(elsewhere),
      why: `calls of another architecture (${where}), which Secco has no ABI for`,
      fix: 'left out'
    })
  }
  if (unknown.length > 0) {
    lose({
      path: path.path,
      what: listed(unknown),
      why: 'no syscall table knows these names; runtimes ignore them or reject the profile',
      fix: 'left out; correct them in the source if they are misspelt'
    })
  }
  return names.filter(isKnownSyscall)
}

function readRule(value: unknown, place: Place, dialect: Dialect, lose: Lose): SeccompSyscall[] {
  const rule = mapping(value, place)
  onlyKeys(rule, place, [...ruleKeys, ...dialect.ruleKeys])
  const said = oneOf(rule['action'], under(place, 'action'), anyAction)
  const errnoPlace = under(place, 'errnoRet')
  const given = (dialect.errno ?? ((from) => readErrno(from['errnoRet'], errnoPlace)))(
    rule,
    errnoPlace
  )
  const alternatives = readArgs(rule['args'], under(place, 'args'), lose)
  const applies = dialect.applies?.(rule, place) ?? true
  const names = readNames(rule, place, applies ? lose : () => undefined)
  if (names.length === 0 || !applies) return []
  const supervised = withSupervisor.some((action) => action === said)
  if (supervised) {
    lose({
      path: under(place, 'action').path,
      what: said,
      why: 'profiles of Secco have no tracer and no listener',
      fix: 'imported as ERRNO with ENOSYS, which is what the kernel returns without one'
    })
  }
  const action = seccompActions.find((each) => each === said) ?? 'SCMP_ACT_ERRNO'
  const errnoRet = supervised ? enosys : realErrno(action, given, errnoPlace, lose)
  return alternatives.map((args) => ({
    names,
    action,
    ...(errnoRet === undefined ? {} : { errnoRet }),
    ...(args.length === 0 ? {} : { args })
  }))
}

function readArchitectures(
  value: unknown,
  place: Place,
  lose: Lose
): LinuxSeccomp['architectures'] {
  if (value === undefined || value === null) return undefined
  const given = list(value, place, 64).map((each, index) => text(each, under(place, index)))
  const kept = seccompArchitectures.filter((each) => given.includes(each))
  const gone = given.filter((each) => !kept.some((known) => known === each)).map(shown)
  if (gone.length === 0) return given.length === 0 ? undefined : kept
  if (kept.length === 0 && !gone.includes('SCMP_ARCH_NATIVE')) {
    throw invalidField(
      place,
      `${listed(gone)}: none of them is an ABI that Secco knows (${seccompArchitectures.join(', ')})`
    )
  }
  lose({
    path: place.path,
    what: listed(gone),
    why: gone.includes('SCMP_ARCH_NATIVE')
      ? 'a profile of Secco names its ABIs'
      : 'Secco has no tables of these ABIs',
    fix: kept.length === 0 ? "left out: the node's own ABI applies" : 'left out'
  })
  return kept.length === 0 ? undefined : kept
}

function loseRest(object: Mapping, place: Place, lose: Lose): void {
  const flags = object['flags']
  if (Array.isArray(flags) && flags.length > 0) {
    lose({
      path: under(place, 'flags').path,
      what: listed(flags.map(shown)),
      why: 'runc before 1.2 rejects a container with flags, and one revision serves every node',
      fix: 'left out'
    })
  }
  for (const key of ['listenerPath', 'listenerMetadata']) {
    const value = object[key]
    if (value === undefined || value === null || value === '') continue
    lose({
      path: under(place, key).path,
      what: shown(value),
      why: 'profiles of Secco never pass syscalls to a listener',
      fix: 'left out; its NOTIFY rules return ENOSYS'
    })
  }
}

function readDefault(object: Mapping, place: Place, lose: Lose) {
  const at = under(place, 'defaultAction')
  const said = oneOf(object['defaultAction'], at, [...seccompActions, 'SCMP_ACT_TRACE'] as const)
  const given = readErrno(object['defaultErrnoRet'], under(place, 'defaultErrnoRet'))
  if (said !== 'SCMP_ACT_TRACE') {
    const errno = realErrno(said, given, under(place, 'defaultErrnoRet'), lose)
    return { defaultAction: said, ...(errno === undefined ? {} : { defaultErrnoRet: errno }) }
  }
  lose({
    path: at.path,
    what: said,
    why: 'profiles of Secco have no tracer',
    fix: 'imported as ERRNO with ENOSYS, which is what the kernel returns without one'
  })
  return { defaultAction: 'SCMP_ACT_ERRNO' as const, defaultErrnoRet: enosys }
}

/**
 * `linux.seccomp` of the OCI runtime-spec, or a format of its shape, as Secco's approved part.
 * INVALID_DOCUMENT names the path of the first invalid field; anything that cannot be imported is reported to `lose`.
 */
export function readSeccomp(
  value: unknown,
  place: Place,
  lose: Lose,
  dialect: Dialect = strict
): LinuxSeccomp {
  const object = mapping(value, place)
  onlyKeys(object, place, [...profileKeys, ...dialect.profileKeys])
  const first = readDefault(object, place, lose)
  const architectures = readArchitectures(
    object['architectures'],
    under(place, 'architectures'),
    lose
  )
  const at = under(place, 'syscalls')
  const syscalls = list(object['syscalls'] ?? [], at, limits.rules).flatMap((rule, index) =>
    readRule(rule, under(at, index), dialect, lose)
  )
  if (syscalls.length > limits.rules)
    throw invalidField(at, `makes ${syscalls.length} rules; at most ${limits.rules} are accepted`)
  loseRest(object, place, lose)
  return {
    ...first,
    ...(architectures === undefined ? {} : { architectures }),
    syscalls
  }
}

/** Whether a value seems to have the OCI shape; for detecting formats. */
export function looksLikeSeccomp(value: unknown): value is Mapping {
  return isMapping(value) && 'defaultAction' in value
}
