import type { LinuxSeccomp, SeccompProfile } from '../../api/seccomp-profile.js'
import { actionText, diffSeccomp, ruleTexts, type SeccompDiff } from './diff.js'
import { type Risk, riskOf } from '../policy/risk.js'
import { runtimeDefaultNames } from '../policy/runtime-default.js'

/** One side of a comparison: its rules, and how they came to be. */
export interface DiffSide {
  label: string
  /** The profile, as `namespace/name`: only of one profile a decision explains what went. */
  of?: string
  seccomp: LinuxSeccomp
  /** Why each name is there, where a rendering states it. */
  provenance?: Readonly<Record<string, readonly string[]>>
  /** The person who decided, when, and the reason. */
  by?: { by: string; at: string; reason?: string }
}

export interface DiffEntry {
  name: string
  change: 'added' | 'removed' | 'changed'
  /** Rules in words, for `changed`. */
  from?: string
  to?: string
  /** Why it is (or was) there; empty when it is not known. */
  why: readonly string[]
  /** The person who changed it, if known. */
  by?: string
  risk?: Risk
  /** Whether RuntimeDefault denies the name. */
  beyondRuntimeDefault: boolean
}

export interface DiffReport extends SeccompDiff {
  left: string
  right: string
  /** Riskiest first, then by name. */
  entries: DiffEntry[]
}

const floor = runtimeDefaultNames()
const allows = (text: string) => /SCMP_ACT_(ALLOW|LOG)/.test(text)
/** Whether a name is denied before and after, only with another answer. */
const isAnswerOnly = ({ from, to }: DiffEntry) =>
  from !== undefined && to !== undefined && !allows(from) && !allows(to)
const rank = (entry: DiffEntry) =>
  (isAnswerOnly(entry) ? 6 : 0) +
  (entry.risk?.level === 'high' ? 0 : entry.risk === undefined ? 2 : 1) +
  (entry.beyondRuntimeDefault ? 0 : 3)

function decidedBy(side: DiffSide | undefined): string | undefined {
  if (side?.by === undefined) return undefined
  const { by, at, reason } = side.by
  return `${by} at ${at}${reason === undefined ? '' : ` (${reason})`}`
}

/** Returns the side with the later decision, where both are of one profile: that decision made the difference. */
function laterOf(left: DiffSide, right: DiffSide): DiffSide | undefined {
  const isOne = left.of !== undefined && left.of === right.of
  if (!isOne || left.by === undefined || right.by === undefined) return undefined
  return left.by.at > right.by.at ? left : right
}

/** Whether nobody decided on a name here: it is there for the runtime or a call of equal power, answers ENOSYS or is blocked. */
const isByItself = (why: readonly string[]): boolean =>
  why.length > 0 && why.every((line) => /^(base|family|enosys|emergency)\b/.test(line))

/**
 * A rule of one side alone counts as added or removed only where it allows something else than what
 * happens without it: a name that is denied anyway and now has an answer of its own (ENOSYS) is `changed`.
 */
function truly(diff: SeccompDiff, left: LinuxSeccomp, right: LinuxSeccomp): SeccompDiff {
  const [before, after] = [ruleTexts(left), ruleTexts(right)]
  const otherwise = (side: LinuxSeccomp) => actionText(side.defaultAction, side.defaultErrnoRet)
  const textIn = (texts: ReadonlyMap<string, string>, side: LinuxSeccomp, name: string) =>
    texts.get(name) ?? otherwise(side)
  const answered = [...diff.added, ...diff.removed].flatMap((name) => {
    const [from, to] = [textIn(before, left, name), textIn(after, right, name)]
    return allows(from) === allows(to) ? [{ name, from, to }] : []
  })
  const names = new Set(answered.map(({ name }) => name))
  const rest = (list: readonly string[]) => list.filter((name) => !names.has(name))
  return {
    ...diff,
    ...{ added: rest(diff.added), removed: rest(diff.removed) },
    changed: [...diff.changed, ...answered].sort((a, b) => (a.name < b.name ? -1 : 1))
  }
}

/** Returns the changes from `left` to `right`, each name with reason, person and risk. Pure. */
export function diffReport(left: DiffSide, right: DiffSide): DiffReport {
  const diff = truly(diffSeccomp(left.seccomp, right.seccomp), left.seccomp, right.seccomp)
  const later = laterOf(left, right)
  const entry = (
    name: string,
    change: DiffEntry['change'],
    more: Partial<DiffEntry> = {}
  ): DiffEntry => {
    // A name that went is explained by what it was.
    const holder = change === 'removed' ? left : right
    const why = holder.provenance?.[name] ?? []
    const by = isByItself(why) ? undefined : decidedBy(later ?? holder)
    const risk = riskOf(name)
    return {
      ...{ name, change, why, beyondRuntimeDefault: !floor.has(name) },
      ...more,
      ...(by === undefined ? {} : { by }),
      ...(risk === undefined ? {} : { risk })
    }
  }
  const entries = [
    ...diff.added.map((name) => entry(name, 'added')),
    ...diff.removed.map((name) => entry(name, 'removed')),
    ...diff.changed.map(({ name, from, to }) => entry(name, 'changed', { from, to }))
  ].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))
  return { left: left.label, right: right.label, ...diff, entries }
}

/** The approval under which a revision was made: the last that names it, else none. */
export function approvalOf(profile: SeccompProfile, revision: string | undefined): DiffSide['by'] {
  const found = (profile.status?.approvals ?? [])
    .filter((each) => each.revision === revision)
    .at(-1)
  if (found === undefined) return undefined
  const { by, at, reason } = found
  return { by, at, ...(reason === undefined ? {} : { reason }) }
}
