import { rootNamespace } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { SeccoError } from '../../src/lib/errors.js'
import {
  type Block,
  blockDecision,
  blocksOutsideTemplates,
  blockText,
  decisionToBlock,
  emptyOverlay,
  needed,
  parseBlock,
  withBlock
} from '../../src/seccomp/render/block.js'
import { emergencyTemplates } from '../../src/seccomp/data/emergency-templates.js'
import { plural } from '../../src/lib/plural.js'
import { affected } from '../../src/seccomp/render/block-impact.js'
import { emergencyLabel, emergencyName } from '../../src/seccomp/render/emergency.js'
import { type NormalRule, rulesOf } from '../../src/seccomp/policy/normal-form.js'
import {
  type UnblockedEquivalents,
  unblockedEquivalents
} from '../../src/seccomp/render/unblocked-equivalents.js'
import type { Store } from '../../src/store/store.js'
import { confirmWords } from '../../webhook/confinement/what-if/block-words.js'
import { type Io, plain } from '../lib/io.js'
import { printListing, printObject } from '../lib/output.js'
import type { Output } from '../lib/output-format.js'
import { ruleText } from '../lib/rule-text.js'

interface BlockArgs {
  /** A template or SYSCALL[:ARG=VALUE]. */
  what: string
  remove: boolean
  dryRun: boolean
  /** Block even what every container needs. */
  force: boolean
  reason: string | undefined
  by: string
  at: string
  /** With json or yaml the answer is one object, with the members of `POST /api/v1/block`. */
  output?: Output
  /** Asks before anything is changed, for people at a terminal. */
  ask?: Io['ask']
  /** Prints or returns who uses the syscall, before anything is changed; undefined where no hub is known. */
  impact: () => Promise<object | undefined>
}

const ref = { namespace: rootNamespace, name: emergencyName }

function checkNeeded(block: Block, args: BlockArgs): void {
  const names = needed(block)
  if (names.length === 0 || args.remove || args.force) return
  throw new SeccoError(
    'INVALID_ARGUMENT',
    `${args.what}: every container needs ${names.join(', ')} to start, run or end`,
    { hint: 'block some of its arguments, or give --force: new pods then do not start' }
  )
}

const namesOf = (names: readonly string[]): string =>
  `${names.slice(0, 20).join(' ')}${names.length > 20 ? ' …' : ''}`

/** Prints what does the same as a blocked syscall, and how to block it: a block of one name alone is a way around it. */
function printEquivalents(io: Io, list: readonly UnblockedEquivalents[]): void {
  for (const { name, others, block } of list) {
    io.stderr(`not blocked, and in place of ${name}: ${namesOf(others)}\n`)
    io.stderr(
      `  next: ${block
        .slice(0, 3)
        .map((what) => `secco block ${what}`)
        .join('; ')}\n`
    )
  }
}

/** Prints the rules that are added or removed, and the reason that was given. */
function printChange(io: Io, rules: readonly NormalRule[], args: BlockArgs): void {
  if (!isForPrograms(args))
    for (const rule of rules) io.stdout(`${args.remove ? 'unblock' : 'block'} ${ruleText(rule)}\n`)
  const { reason = '', by } = args
  if (reason !== '') io.stderr(`reason: ${plain(reason)} (${plain(by)})\n`)
}

/** Returns whether a person at a terminal agrees; true where nobody is asked. To lift a block denies nothing to anybody. */
async function isConfirmed(args: BlockArgs, impact: object | undefined): Promise<boolean> {
  if (args.ask === undefined || args.remove || isForPrograms(args)) return true
  return args.ask(`${confirmWords(impact ?? {})}? [y/N] `)
}

/** Prints which profiles a change of blocks reaches. */
function printProfiles(io: Io, { profiles, waiting }: ReturnType<typeof affected>): void {
  const changes = plural(profiles.length, 'approved profile changes', 'approved profiles change')
  io.stderr(
    profiles.length === 0 ? 'no approved profile changes\n' : `${changes}: ${namesOf(profiles)}\n`
  )
  if (waiting.length === 0) return
  const wait = plural(waiting.length, 'waiting profile changes', 'waiting profiles change')
  io.stderr(`${wait} in the revision in use: ${namesOf(waiting)}\n`)
}

const isForPrograms = ({ output }: BlockArgs): boolean => output === 'json' || output === 'yaml'

/** Prints the block that is in force already. A reason that is given now is not recorded, because nothing changes. */
function printSame(
  io: Io,
  overlay: SeccompProfile,
  rules: readonly NormalRule[],
  args: BlockArgs
): void {
  const { what, remove, reason } = args
  const [rule] = rules
  if (remove || rule === undefined) {
    io.stderr(`${what}: is not blocked\n`)
    return
  }
  const { decision } = decidedBy(overlay, blockText(rule) ?? what, rule.name)
  io.stderr(
    `${what}: is blocked already${decision === undefined ? '' : `, ${whoText(decision)}`}\n`
  )
  if (reason !== undefined && reason !== '')
    io.stderr('the reason was not recorded: nothing changes\n')
}

/** Returns the reason that an answer states: the one that is given with a change, else the one that is recorded. */
function statedReason(
  overlay: SeccompProfile,
  rules: readonly NormalRule[],
  { what, reason = '' }: BlockArgs,
  changed: boolean
): string {
  const [rule] = rules
  if (changed || rule === undefined) return reason
  return decidedBy(overlay, blockText(rule) ?? what, rule.name).decision?.reason ?? ''
}

/** `secco block WHAT`: blocks a syscall or some of its arguments in every profile, or removes the block. */
export async function blockCommand(io: Io, store: Store, args: BlockArgs): Promise<number> {
  const block = parseBlock(args.what)
  checkNeeded(block, args)
  const rules = rulesOf({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: block.rules })
  const existing = await store.get('SeccompProfile', ref)
  const reason = args.reason === undefined ? block.reason : `${block.reason}: ${args.reason}`
  const decision = { by: args.by, at: args.at, reason }
  const change = (overlay: SeccompProfile) => withBlock(overlay, block, decision, args.remove)
  const before = existing ?? emptyOverlay()
  const after = change(before)
  const equivalents = args.remove ? [] : unblockedEquivalents(rules, after)
  const known = await store.list('SeccompProfile')
  const hit = affected(known, existing, after)
  const changed = after !== before
  const impactOf = async () => {
    const impact = args.remove ? undefined : await args.impact()
    if (!isForPrograms(args)) printEquivalents(io, equivalents)
    return impact
  }
  /** For programs: an object says that something changed, so it is printed after the write. */
  const printAnswer = (impact: object | undefined): void => {
    const { what, remove, dryRun, output } = args
    if (output !== 'json' && output !== 'yaml') return
    const names = rules.map(({ name }) => name)
    const own = { what, remove, dryRun, changed: changed && !dryRun }
    const stated = { reason: statedReason(before, rules, args, changed), rules: names }
    printObject(io, output, { ...impact, ...hit, ...own, ...stated, equivalents })
  }
  if (!changed) {
    printSame(io, before, rules, args)
    printAnswer(await impactOf())
    return 0
  }
  printChange(io, rules, args)
  printProfiles(io, hit)
  const impact = await impactOf()
  if (args.dryRun) {
    printAnswer(impact)
    io.stderr('dry run: nothing was changed\n')
    return 0
  }
  if (!(await isConfirmed(args, impact))) {
    io.stderr('nothing was changed\n')
    return 1
  }
  if (existing === undefined) await store.apply('SeccompProfile', emptyOverlay())
  await store.update('SeccompProfile', ref, change)
  printAnswer(impact)
  io.stderr(
    `${emergencyLabel}, the profile of all blocks, changed; the hub renders and delivers every profile again\n`
  )
  io.stderr(
    `  next: running containers stay as they are until they restart; \`secco block\` lists them\n`
  )
  return 0
}

/** Returns who blocked something, when and why; nothing where no decision is recorded. */
function decidedBy(overlay: SeccompProfile, what: string, name: string) {
  const decision = decisionToBlock(overlay, what, name)
  if (decision === undefined) return {}
  const { by, at, reason = '' } = decision
  return { decision: { by, at, reason: blockDecision(reason).text } }
}

/** Returns the reason of a decision, and whose it is. */
const whoText = ({ by, at, reason }: { by: string; at: string; reason: string }): string =>
  plain(`${reason} (${by}, ${at.slice(0, 10)})`)

/** Returns the blocks of an overlay that are no templates, as rows of the list. */
function ownBlocks(overlay: SeccompProfile) {
  return blocksOutsideTemplates(overlay).map((rule) => ({
    name: blockText(rule) ?? ruleText(rule),
    reason: 'a person blocked it',
    sources: [],
    rules: [{ names: [rule.name], ...(rule.args === undefined ? {} : { args: rule.args }) }],
    ...{ blocked: true, ...decidedBy(overlay, blockText(rule) ?? rule.name, rule.name) }
  }))
}

/** `secco block` without an argument: lists the templates and all blocks, and the progress of the blocks. */
export async function listBlocks(
  io: Io,
  store: Store,
  output: Output,
  progress: () => Promise<void>
): Promise<number> {
  const overlay = (await store.get('SeccompProfile', ref)) ?? emptyOverlay()
  const none = { by: '', at: '', reason: '' }
  const templates = emergencyTemplates.map((template) => {
    const block = parseBlock(template.name)
    const inForce = withBlock(overlay, block, none, false) === overlay
    const [first = ''] = template.rules[0]?.names ?? []
    const decided = inForce ? decidedBy(overlay, template.name, first) : {}
    return { ...template, blocked: inForce, ...decided }
  })
  const rows = [...templates, ...ownBlocks(overlay)]
  const code = printListing(io, output, {
    what: 'blocks',
    rows,
    columns: [
      { title: 'BLOCK', value: (row) => row.name },
      { title: 'BLOCKED', value: (row) => (row.blocked ? 'yes' : 'no') },
      {
        title: 'REASON',
        value: ({ reason, decision }) =>
          decision === undefined ? reason : `${decision.reason} (${decision.by})`
      },
      { title: 'SOURCES', value: (row) => row.sources.join(', '), wide: true }
    ],
    name: (row) => row.name,
    object: (row) => row
  })
  const rules = overlay.spec.seccomp === undefined ? [] : rulesOf(overlay.spec.seccomp)
  if (output === 'table' || output === 'wide') {
    for (const rule of rules) {
      const { decision } = decidedBy(overlay, blockText(rule) ?? rule.name, rule.name)
      const why = decision === undefined ? '' : `: ${whoText(decision)}`
      io.stderr(`blocked now: ${ruleText(rule)}${why}\n`)
    }
    printEquivalents(io, unblockedEquivalents(rules, overlay))
    if (rules.length > 0) await progress()
  }
  return code
}
