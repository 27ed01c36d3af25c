import { labels, rootNamespace } from '../../api/names.js'
import type { LinuxSeccomp, SeccompProfile } from '../../api/seccomp-profile.js'
import { oncePer } from '../../lib/once-per.js'
import { listed, plural } from '../../lib/plural.js'
import { quoted } from '../../lib/shell-word.js'
import { extendsRef, type Resolve } from '../render/approved.js'
import { hasContent } from '../policy/approval.js'
import { emergencyName, isBlocked } from '../render/emergency.js'
import { renderProfile } from '../render/render.js'
import { isStartUnseen, startUnseenNext, startUnseenText } from './evidence.js'
import { isKnownSyscall } from '../../syscalls/syscall-table.js'

/** Filter is the part of a revision that says what it denies. */
export type Filter = Partial<Pick<LinuxSeccomp, 'defaultAction'>> & Pick<LinuxSeccomp, 'syscalls'>

export const keyOfProfile = ({ metadata }: Pick<SeccompProfile, 'metadata'>): string =>
  `${metadata.namespace ?? rootNamespace}/${metadata.name}`

const passes = (action: string | undefined): boolean =>
  action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG'

/** Returns the calls of recorded starts about which a revision says nothing, and so denies them; sorted. */
export function deniedStartCalls(
  { status }: Pick<SeccompProfile, 'status'>,
  revision: Filter
): string[] {
  if (passes(revision.defaultAction)) return []
  const stated = new Set((revision.syscalls ?? []).flatMap(({ names }) => names))
  const started = new Set(Object.values(status?.startup ?? {}).flat())
  return [...started].filter((name) => isKnownSyscall(name) && !stated.has(name)).sort()
}

/** Returns a resolver to which a profile that the reader may not see is one that does not exist. */
const readable =
  (resolve: Resolve): Resolve =>
  (namespace, name) => {
    try {
      return resolve(namespace, name)
    } catch {
      return undefined
    }
  }

/**
 * Returns what a profile renders to for enforce; undefined where it does not render: a parent is missing, or may not be
 * read.
 */
export function renderedFilter(profile: SeccompProfile, resolve: Resolve): Filter | undefined {
  try {
    return renderProfile(profile, { mode: 'enforce', resolve: readable(resolve) }).seccomp
  } catch {
    return undefined
  }
}

/** StartRisk is why a restart under a revision can fail. */
export interface StartRisk {
  /** No start was recorded. */
  unseen: boolean
  /** Calls of recorded starts that the revision denies, without those that are blocked. */
  denied: readonly string[]
  /** Calls of recorded starts that an emergency blocks. */
  blocked: readonly string[]
}

export const noRisk: StartRisk = { unseen: false, denied: [], blocked: [] }

export const isRisky = ({ unseen, denied, blocked }: StartRisk): boolean =>
  unseen || denied.length + blocked.length > 0

/** Returns the risk of starting under a revision. `revision` undefined: nobody knows what it denies. */
export function startRiskOf(
  profile: SeccompProfile,
  revision: Filter | undefined,
  resolve: Resolve
): StartRisk {
  const overlay = readable(resolve)(rootNamespace, emergencyName)
  const calls = revision === undefined ? [] : deniedStartCalls(profile, revision)
  return {
    unseen: isStartUnseen(profile),
    denied: calls.filter((name) => !isBlocked(name, overlay)),
    blocked: calls.filter((name) => isBlocked(name, overlay))
  }
}

/** Returns the risk of starting under what is approved now. */
export function approvedStartRisk(profile: SeccompProfile, resolve: Resolve): StartRisk {
  const { startup = {} } = profile.status ?? {}
  // Where nothing is approved there is no revision that could deny anything.
  const isKnown = Object.keys(startup).length > 0 && hasContent(profile.spec)
  const revision = isKnown ? renderedFilter(profile, resolve) : undefined
  return startRiskOf(profile, revision, resolve)
}

/** Returns the same as far as the profile alone says it: without its parents, and without what is blocked. */
export const ownStartRisk: (profile: SeccompProfile) => StartRisk = oncePer((profile) =>
  approvedStartRisk(profile, () => undefined)
)

/** Returns the same where profiles are found by their keys. */
export function startRiskNow(
  known: { profile(key: string): SeccompProfile | undefined },
  profile: SeccompProfile
): StartRisk {
  return approvedStartRisk(profile, (namespace, name) => known.profile(`${namespace}/${name}`))
}

const mostNamed = 6

/** Returns what a risk means, as each place says it; '' where there is none. */
export function startRiskText(profile: SeccompProfile, risk: StartRisk): string {
  const { unseen, denied, blocked } = risk
  const them = denied.length === 1 ? 'it' : 'them'
  const are = blocked.length === 1 ? 'is' : 'are'
  const texts = [
    ...(unseen ? [startUnseenText(profile)] : []),
    ...(denied.length === 0
      ? []
      : [
          `recorded starts called ${listed(denied, mostNamed)}, and its revision denies ${them}: a restart under it can fail`
        ]),
    ...(blocked.length === 0
      ? []
      : [
          `recorded starts called ${listed(blocked, mostNamed)}, which ${are} blocked in an emergency: ` +
            'a restart can fail until the block ends'
        ])
  ]
  return texts.join('; ')
}

/** Returns whether a profile was learned outside Kubernetes: no label, rule or ladder gives it to a container there. */
export const isOutside = ({ spec }: Pick<SeccompProfile, 'spec'>): boolean =>
  spec.workload?.kind === 'Container'

/** Returns whether a profile is of a container that nobody named, and nobody approved it: lists would fill with them. */
export const isNameless = ({
  metadata,
  spec
}: Pick<SeccompProfile, 'metadata' | 'spec'>): boolean =>
  spec.workload?.kind === 'Container' &&
  /^[0-9a-f]{12,64}$/.test(metadata.name) &&
  !hasContent(spec)

/** Says how many such profiles a list leaves out; '' for none. */
export const namelessText = (count: number): string =>
  count === 0
    ? ''
    : `${plural(count, 'container')} without a name ${count === 1 ? 'is' : 'are'} left out`

/** What enforces a profile that was promoted. */
export const ownLadder = 'its ladder'

/** What enforces a profile without a ladder in pods that have it. */
export const ownLabel = `the label ${labels.profile}`

/** What enforces a profile where no webhook gives it: the file that a container is created with. */
export const exportedFile = 'the exported file'

/** Returns how one start is let run in audit, after `let one start in audit first`. */
function auditFirst(key: string, by: string): string {
  if (by === ownLadder || by === ownLabel) return `with \`secco promote ${key} audit --reason WHY\``
  if (by === exportedFile) return `with \`secco profile export ${key} --mode audit\``
  return `by the mode of ${by}`
}

/**
 * Returns what ends a risk, with commands that work as they are.
 * @param by what enforces the profile: `its ladder`, `the exported file`, or a rule
 */
export function startRiskNext(
  profile: SeccompProfile,
  risk: StartRisk,
  { isWritten, by }: { isWritten: boolean; by: string }
): string {
  const { unseen, denied, blocked } = risk
  const key = quoted(keyOfProfile(profile))
  // Outside Kubernetes only the file gives a mode to a container.
  const isByFile = isOutside(profile) && by === ownLadder
  const allow = isWritten
    ? `allow what it needs with \`secco profile call ${key} --allow ${denied.join(',')} --reason WHY\``
    : `keep ${listed(denied, mostNamed)} allowed, or let one start in audit first`
  const unblock = blocked.map((name) => `\`secco block ${name} --remove --reason WHY\``)
  return [
    ...(unseen ? [`${startUnseenNext} ${auditFirst(key, isByFile ? exportedFile : by)}`] : []),
    ...(denied.length === 0 ? [] : [allow]),
    ...(blocked.length === 0 ? [] : [`end the block with ${unblock.join(' and ')}`])
  ].join('; ')
}

/** Returns a resolver of profiles by their keys; what it does not find it looks for with another one. */
export function resolverOf(
  profiles: readonly SeccompProfile[],
  others: Resolve = () => undefined
): Resolve {
  const known = new Map(profiles.map((one) => [keyOfProfile(one), one]))
  return (namespace, name) => known.get(`${namespace}/${name}`) ?? readable(others)(namespace, name)
}

/** Returns whether a profile is one of the keys, or is built on one of them. */
export function isBuiltOn(
  profile: SeccompProfile,
  keys: ReadonlySet<string>,
  resolve: Resolve,
  seen = new Set<string>()
): boolean {
  const key = keyOfProfile(profile)
  if (keys.has(key)) return true
  if (seen.has(key)) return false
  seen.add(key)
  return (profile.spec.extends ?? []).some((entry) => {
    const { namespace, name } = extendsRef(entry, profile.metadata.namespace ?? rootNamespace)
    if (keys.has(`${namespace}/${name}`)) return true
    const parent = resolve(namespace, name)
    return parent !== undefined && isBuiltOn(parent, keys, resolve, seen)
  })
}

/**
 * Returns the command that promotes a profile, and works as it is: with --force where a start was not recorded or is
 * denied, because the promotion is rejected without it.
 */
export function promoteCommand(
  profile: SeccompProfile,
  mode: 'audit' | 'enforce',
  risk: StartRisk,
  options = ''
): string {
  const force = mode === 'enforce' && isRisky(risk) ? ' --force' : ''
  return `secco promote ${quoted(keyOfProfile(profile))} ${mode}${options}${force} --reason WHY`
}
