import type { Assignment } from '../../confinement/ladder/assignment.js'
import { givenTexts, inForceText } from '../../confinement/ladder/assignment-words.js'
import { doubtText } from '../../confinement/what-if/block-words.js'
import { type RadiusSummary, radiusWords } from '../../confinement/what-if/radius-words.js'

/** Members of an answer that say nothing to a person who tries a change. */
const hidden = ['ms', 'dryRun', 'changed', 'key']

/** What members mean, where their name alone does not say it. */
const words: Readonly<Record<string, string>> = {
  what: 'blocks',
  rules: 'syscalls',
  equivalents: 'in place of what is blocked',
  others: 'not blocked',
  block: 'to block them, too: secco block',
  users: 'by the recorded syscalls',
  profiles: 'profiles that change',
  restart: 'containers that can make it until they restart',
  unreached: 'containers that can make it, also after a restart',
  total: 'running containers',
  missingNodes: 'nodes that have not reported what runs there',
  done: 'percent of these that deny it already'
}

/** Returns a member's name as words: `startedAt` as `started at`. */
const wordsOf = (name: string) =>
  words[name] ?? name.replace(/[A-Z]/g, (capital) => ` ${capital.toLowerCase()}`)

/** A workload of a simulation's answer. */
interface User {
  namespace: string
  workload: string
  syscalls: readonly string[]
  /** Absent: from an earlier hub. */
  when?: string
}

type RadiusAnswer = RadiusSummary & { workloads?: readonly User[] }

const isRadius = (value: object): value is RadiusAnswer => 'considered' in value

const mostUsers = 50

/** Returns who uses what would be denied: each workload in one line. */
function userLines(users: readonly User[]): string[] {
  const lines = users
    .slice(0, mostUsers)
    .map(({ namespace, workload, syscalls, when = 'runs now' }) =>
      [`${namespace}/${workload}`, syscalls.slice(0, 12).join(', '), when].join(' · ')
    )
  return [...lines, ...(users.length > mostUsers ? [`and ${users.length - mostUsers} more`] : [])]
}

interface Place {
  node: string
  namespace: string
  workload: string
  name: string
  command?: string
  why?: string
  /** False: it is not known whether it can make a blocked call. */
  certain?: boolean
}

/** Whether a member identifies a container. */
const isPlace = (one: object): one is Place => 'workload' in one && 'node' in one && 'name' in one

/** Returns a container, and what to do about it, in one line. */
function placeLine({ namespace, workload, name, node, command = '', why, ...one }: Place): string {
  const then = why ?? command
  const doubt = one.certain === false ? ` (${doubtText})` : ''
  return `${namespace}/${workload} · ${name} on ${node}${then === '' ? '' : `: ${then}`}${doubt}`
}

interface PromotionAnswer {
  evidence: string[]
  next: { mode: string; reasons: string[] }
  would: { action: string; from: string; to: string }
  assignment: Assignment
}

/** Whether an answer is that of a promotion that was tried. */
const isPromotion = (value: object): value is PromotionAnswer =>
  'would' in value && 'assignment' in value

/** Returns what a promotion would do: the step, what gives the profile to pods, the evidence and what speaks against it. */
function promotionLines({ evidence, next, would, assignment }: PromotionAnswer): string[] {
  return [
    `the step would be: ${would.action}: ${would.from} → ${would.to}`,
    ...[inForceText(assignment), ...givenTexts(assignment)].map((text) => `after it, ${text}`),
    ...(assignment.command === '' ? [] : [`a rule gives it to them: ${assignment.command}`]),
    ...evidence,
    ...next.reasons.map((reason) => `not yet: ${reason}`)
  ]
}

/** Formats the nested answer of a dry run as indented lines. */
export function answerLines(value: unknown, depth = 0): string[] {
  const pad = '  '.repeat(depth)
  if (Array.isArray(value)) {
    const list = value as unknown[]
    const plain = list.every((one) => typeof one !== 'object')
    if (plain)
      return [`${pad}${list.length === 0 ? 'none' : list.slice(0, 12).map(String).join(', ')}`]
    return list.slice(0, 8).flatMap((one) => answerLines(one, depth))
  }
  if (typeof value !== 'object' || value === null) return [`${pad}${String(value)}`]
  if (isRadius(value)) {
    const { considered, without, missingNodes = 0, hit, knownSince, denied = [], ...others } = value
    const { earlier = 0, unread = 0, unplaced = 0, workloads = [], ...rest } = others
    const counts = { considered, without, missingNodes, hit, knownSince }
    const before = { earlier, unread, unplaced }
    return [
      ...[...radiusWords({ ...counts, ...before, denied }), ...userLines(workloads)].map(
        (line) => `${pad}${line}`
      ),
      ...(hit === 0 ? [] : answerLines(rest, depth))
    ]
  }
  if (isPromotion(value)) return promotionLines(value).map((line) => `${pad}${line}`)
  if (isPlace(value)) return [`${pad}${placeLine(value)}`]
  return Object.entries(value)
    .filter(([name]) => !hidden.includes(name))
    .flatMap(([name, one]) =>
      typeof one === 'object' && one !== null
        ? [`${pad}${wordsOf(name)}:`, ...answerLines(one, depth + 1)]
        : [`${pad}${wordsOf(name)}: ${String(one)}`]
    )
}
