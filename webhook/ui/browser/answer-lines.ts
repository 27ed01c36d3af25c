import { plural } from '../../../src/lib/plural.js'
import { quoted } from '../../../src/lib/shell-word.js'
import type { Assignment } from '../../confinement/ladder/assignment.js'
import { givenTexts, inForceText } from '../../confinement/ladder/assignment-words.js'
import { type BlockCounts, doubtText, openWords } from '../../confinement/what-if/block-words.js'
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
  waiting: 'waiting profiles that change in the revision in use'
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

type RadiusAnswer = RadiusSummary & {
  workloads?: readonly User[]
  syscalls?: readonly { name: string; containers: number; calls: number }[]
}

const isRadius = (value: object): value is RadiusAnswer => 'considered' in value

const mostUsers = 50

/** Returns who uses what would be denied: each workload in one line. */
function userLines(users: readonly User[], whole: string): string[] {
  const lines = users
    .slice(0, mostUsers)
    .map(({ namespace, workload, syscalls, when = 'runs now' }) => {
      const shown = [...syscalls.slice(0, mostWords), ...moreWords(syscalls, mostWords, '')]
      return [`${namespace}/${workload}`, shown.join(', '), when].join(' · ')
    })
  return [...lines, ...moreWords(users, mostUsers, whole)]
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

/** Objects of a list, and words of a list, that are shown. */
const mostObjects = 8
const mostWords = 12

/** Returns how many of a list are left out, and where all are; nothing where none is. */
function moreWords(all: readonly unknown[], most: number, whole: string): string[] {
  const more = all.length - most
  return more <= 0 ? [] : [`and ${more} more${whole === '' ? '' : `: \`${whole}\` has all`}`]
}

function listLines(list: readonly unknown[], depth: number, whole: string): string[] {
  const pad = '  '.repeat(depth)
  if (list.every((one) => typeof one !== 'object')) {
    const shown = [...list.slice(0, mostWords).map(String), ...moreWords(list, mostWords, whole)]
    return [`${pad}${list.length === 0 ? 'none' : shown.join(', ')}`]
  }
  return [
    ...list.slice(0, mostObjects).flatMap((one) => answerLines(one, depth, whole)),
    ...moreWords(list, mostObjects, whole).map((line) => `${pad}${line}`)
  ]
}

/** Returns what would be denied: the words about it, the workloads, and the syscalls with their numbers. */
function radiusLines(radius: RadiusAnswer, whole: string): string[] {
  const { hit, workloads = [] } = radius
  // The numbers are of running containers.
  const { syscalls = [] } = hit === 0 ? {} : radius
  const counts = syscalls.slice(0, mostObjects).map(({ name, containers, calls }) => {
    return `${name}: ${plural(calls, 'call')} of ${plural(containers, 'container')}`
  })
  return [
    ...radiusWords(radius),
    ...userLines(workloads, whole),
    ...[...counts, ...moreWords(syscalls, mostObjects, whole)]
  ]
}

/** Members that the sentence about a block has. */
const inSentence = ['total', 'done', 'missingNodes', 'notReporting']

type BlockAnswer = BlockCounts & { what: string }

/** Whether an answer is that of a block that was tried. */
const isBlock = (value: object): value is BlockAnswer => 'what' in value && 'unreached' in value

/** Returns what a block that was tried would do: who uses the calls, and who can make them now. */
function blockLines(value: BlockAnswer, depth: number): string[] {
  const pad = '  '.repeat(depth)
  // A template, or a syscall with conditions: both are words of the command.
  const whole = `secco block ${quoted(value.what)} --dry-run -o json`
  return [...memberLines(value, depth, whole, inSentence), `${pad}now: ${openWords(value)}`]
}

function memberLines(
  value: object,
  depth: number,
  whole: string,
  omitted: readonly string[] = []
): string[] {
  const pad = '  '.repeat(depth)
  return Object.entries(value)
    .filter(([name]) => !hidden.includes(name) && !omitted.includes(name))
    .flatMap(([name, one]) =>
      typeof one === 'object' && one !== null
        ? [`${pad}${wordsOf(name)}:`, ...answerLines(one, depth + 1, whole)]
        : [`${pad}${wordsOf(name)}: ${String(one)}`]
    )
}

/** Formats the nested answer of a dry run as indented lines. @param whole the command whose answer is not cut */
export function answerLines(value: unknown, depth = 0, whole = ''): string[] {
  const pad = '  '.repeat(depth)
  const padded = (lines: readonly string[]) => lines.map((line) => `${pad}${line}`)
  if (Array.isArray(value)) return listLines(value as unknown[], depth, whole)
  if (typeof value !== 'object' || value === null) return [`${pad}${String(value)}`]
  if (isRadius(value)) return padded(radiusLines(value, whole))
  if (isPromotion(value)) return padded(promotionLines(value))
  if (isPlace(value)) return [`${pad}${placeLine(value)}`]
  return isBlock(value) ? blockLines(value, depth) : memberLines(value, depth, whole)
}
