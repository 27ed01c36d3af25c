import { apiVersion, rootNamespace } from '../../api/names.js'
import { limits } from '../../api/limits.js'
import type { SeccompArg, SeccompProfile, SeccompSyscall } from '../../api/seccomp-profile.js'
import { SeccoError } from '../../lib/errors.js'
import { decided } from '../policy/approval.js'
import { sameConditions } from '../arguments/argument-rules.js'
import { isNeeded } from './base.js'
import { emergencyTemplates } from '../data/emergency-templates.js'
import { decisionAbout, emergencyName } from './emergency.js'
import { equivalentsOf } from './equivalents.js'
import { addressFamilies, decidingCalls } from '../arguments/deciding-calls.js'
import { groupRules, type NormalRule, rulesOf } from '../policy/normal-form.js'
import { isKnownSyscall } from '../../syscalls/syscall-table.js'

/** What one word on the command line blocks. */
export interface Block {
  rules: SeccompSyscall[]
  reason: string
}

function wrong(text: string, message: string, hint?: string): SeccoError {
  return new SeccoError('INVALID_ARGUMENT', `${text}: ${message}`, {
    hint:
      hint ??
      'write a template, SYSCALL, SYSCALL+, SYSCALL:ARG=VALUE or SYSCALL:ARG&BITS; `secco block` lists templates'
  })
}

function numberOf(text: string, whole: string): number {
  const value =
    addressFamilies[text.toUpperCase()] ??
    (/^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN)
  if (Number.isSafeInteger(value)) return value
  if (value > limits.argument) {
    const message = `${text} is larger than ${limits.argument} (2^53 − 1), the largest value that can be compared`
    const low = whole.replaceAll(`=${text}`, '&0xffffffff').replaceAll(`&${text}`, '&0xffffffff')
    throw wrong(whole, message, `to block -1, compare the low 32 bits: ${low}`)
  }
  throw wrong(whole, `${JSON.stringify(text)} is not a number or a known name (AF_ALG, …)`)
}

function indexOf(name: string, text: string, whole: string): number {
  if (/^[0-5]$/.test(text)) return Number(text)
  const known = decidingCalls.get(name)?.arguments ?? []
  const found = known.find((each) => each.name === text)
  if (found !== undefined) return found.index
  const names = known.map((each) => each.name).join(', ')
  throw wrong(
    whole,
    `argument ${JSON.stringify(text)} is not 0 to 5${names === '' ? '' : ` or one of ${names}`}`
  )
}

function conditionOf(name: string, text: string, whole: string): SeccompArg {
  const [, argument = '', sign, value = ''] = /^([a-z0-9]+)([=&])(\w+)$/i.exec(text) ?? []
  if (sign === undefined) throw wrong(whole, `${JSON.stringify(text)} is not ARG=VALUE or ARG&BITS`)
  const index = indexOf(name, argument, whole)
  const number = numberOf(value, whole)
  return sign === '='
    ? { index, op: 'SCMP_CMP_EQ', value: number }
    : { index, op: 'SCMP_CMP_MASKED_EQ', value: number, valueTwo: number }
}

/** People write the kernel's names: AF_ALG, IO-URING and user_namespaces are the templates af-alg, io_uring and user-namespaces. */
const plainSpelling = (text: string): string => text.toLowerCase().replaceAll('-', '_')

/** Characters of what is blocked: the longest name with six conditions is shorter. */
const mostText = 512

/**
 * What to take out: a template's name, a syscall, a syscall with all that do the same (`umount+`), or a syscall with
 * conditions that must all hold (`socket:domain=AF_ALG`, `clone:flags&0x10000000`, `socket:0=16,2=12`).
 * @throws SeccoError INVALID_ARGUMENT
 */
export function parseBlock(text: string): Block {
  if (text.length > mostText)
    throw wrong(
      `${text.slice(0, 40)}…`,
      `has ${text.length} characters; at most ${mostText} are read`
    )
  const template = emergencyTemplates.find(
    ({ name }) => plainSpelling(name) === plainSpelling(text)
  )
  if (template !== undefined) {
    return {
      reason: `${template.name}: ${template.reason} (${template.sources.join(', ')})`,
      rules: template.rules.map(({ names, args }) => ({
        names: [...names],
        action: 'SCMP_ACT_ERRNO',
        ...(args === undefined ? {} : { args: args.map((arg) => ({ ...arg })) })
      }))
    }
  }
  const [, name = '', plus, conditions] = /^([a-z0-9_]+)(?:([+])|:(.+))?$/.exec(text) ?? []
  if (!isKnownSyscall(name)) throw wrong(text, 'neither a template nor a known syscall')
  const names = plus === undefined ? [name] : [name, ...equivalentsOf(name)].sort()
  const args = (conditions?.split(',') ?? []).map((each) => conditionOf(name, each, text))
  if (new Set(args.map(({ index }) => index)).size < args.length) {
    throw wrong(text, 'two conditions on one argument, which runtimes combine with OR')
  }
  return {
    reason: text,
    rules: [{ names, action: 'SCMP_ACT_ERRNO', ...(args.length === 0 ? {} : { args }) }]
  }
}

/** Returns the names that a block denies entirely although containers need them to start, run or end. */
export function needed(block: Block): string[] {
  const whole = block.rules.filter(({ args }) => (args ?? []).length === 0)
  return [...new Set(whole.flatMap(({ names }) => names).filter(isNeeded))].sort()
}

/**
 * Returns what a person writes to block this rule, the inverse of parseBlock; undefined for conditions that
 * parseBlock cannot express, which only a hand-written overlay has.
 */
export function blockText({
  name,
  args = []
}: Pick<NormalRule, 'name' | 'args'>): string | undefined {
  const conditions = args.map(({ index, op, value, valueTwo }) => {
    if (op === 'SCMP_CMP_EQ') return `${index}=${value}`
    const isBits = op === 'SCMP_CMP_MASKED_EQ' && value === valueTwo
    return isBits ? `${index}&0x${value.toString(16)}` : undefined
  })
  if (conditions.includes(undefined)) return undefined
  return conditions.length === 0 ? name : `${name}:${conditions.join(',')}`
}

/** The overlay without any block. */
export function emptyOverlay(): SeccompProfile {
  return {
    apiVersion,
    kind: 'SeccompProfile',
    metadata: { namespace: rootNamespace, name: emergencyName },
    spec: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [] } }
  }
}

interface BlockDecision {
  by: string
  /** RFC 3339. */
  at: string
  reason: string
}

const isSame = (left: NormalRule, right: NormalRule) =>
  left.name === right.name && sameConditions(left.args ?? [], right.args ?? [])

/** Returns the deny rules of an overlay that belong to no template that is blocked as a whole. */
export function blocksOutsideTemplates(overlay: SeccompProfile): NormalRule[] {
  const all = overlay.spec.seccomp === undefined ? [] : rulesOf(overlay.spec.seccomp)
  const before = all.filter(({ action }) => !/_(ALLOW|LOG)$/.test(action))
  const isBlocked = (rule: NormalRule) => before.some((other) => isSame(rule, other))
  const covered = emergencyTemplates
    .map(({ name }) => parseBlock(name))
    .map(({ rules }) => rulesOf({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: rules }))
    .filter((rules) => rules.every(isBlocked))
    .flat()
  return before.filter((rule) => !covered.some((other) => isSame(rule, other)))
}

/** Returns what a decision in the overlay's approvals says: a block, or the removal of one, and of what. */
export function blockDecision(reason: string): { isRemoval: boolean; text: string } {
  const [, removal, text = reason] = /^(un)?blocked ([^]*)$/.exec(reason) ?? []
  return { isRemoval: removal !== undefined, text }
}

/** Returns what the words of a decision block, as of `blockText`; nothing for words of somebody else. */
function blockedBy(word: string): (string | undefined)[] {
  try {
    const { rules } = parseBlock(word)
    return rulesOf({ defaultAction: 'SCMP_ACT_KILL_PROCESS', syscalls: rules }).map(blockText)
  } catch {
    return []
  }
}

/** Returns the newest decision to block exactly this, else the newest about the syscall. @param what a template, or as of `blockText` */
export function decisionToBlock(overlay: SeccompProfile, what: string, name: string) {
  const exact = overlay.status?.approvals?.findLast(({ reason = '' }) => {
    const { isRemoval, text } = blockDecision(reason)
    const [word = ''] = text.split(': ')
    return !isRemoval && (word === what || blockedBy(word).includes(what))
  })
  return exact ?? decisionAbout(overlay, name)
}

/**
 * The overlay with a block added or taken away, and the decision in its approvals. The same object when
 * that changes nothing. The seam for whoever wants to know what it would hit: render with it and without.
 */
export function withBlock(
  overlay: SeccompProfile,
  block: Block,
  decision: BlockDecision,
  remove: boolean
): SeccompProfile {
  const seccomp = overlay.spec.seccomp ?? { defaultAction: 'SCMP_ACT_ERRNO' as const }
  const before = rulesOf(seccomp)
  const named = rulesOf({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: block.rules })
  const after = remove
    ? before.filter((rule) => !named.some((other) => isSame(rule, other)))
    : [...before, ...named.filter((rule) => !before.some((other) => isSame(rule, other)))]
  if (after.length === before.length) return overlay
  // A default that no rule repeats: here the rules count, not what they differ from.
  const syscalls = groupRules(after, { defaultAction: 'SCMP_ACT_KILL_PROCESS' })
  const { by, at } = decision
  const reason = `${remove ? 'unblocked' : 'blocked'} ${decision.reason}`
  const changed = { ...overlay, spec: { ...overlay.spec, seccomp: { ...seccomp, syscalls } } }
  // Every deny rule of the overlay applies, approved or not: a block does not wait for a review of the rest.
  return decided(changed, { by, at, reason })
}
