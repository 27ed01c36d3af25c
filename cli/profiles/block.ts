import { rootNamespace } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { SeccoError } from '../../src/lib/errors.js'
import {
  type Block,
  blocksOutsideTemplates,
  blockText,
  emptyOverlay,
  needed,
  parseBlock,
  withBlock
} from '../../src/seccomp/render/block.js'
import { emergencyTemplates } from '../../src/seccomp/data/emergency-templates.js'
import { plural } from '../../src/lib/plural.js'
import { affected } from '../../src/seccomp/render/block-impact.js'
import { emergencyLabel, emergencyName } from '../../src/seccomp/render/emergency.js'
import { rulesOf } from '../../src/seccomp/policy/normal-form.js'
import type { Store } from '../../src/store/store.js'
import type { Io } from '../lib/io.js'
import { printListing } from '../lib/output.js'
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
  /** Prints which containers use the syscall, before anything is changed. */
  impact: () => Promise<void>
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

/** `secco block WHAT`: blocks a syscall or some of its arguments in every profile, or removes the block. */
export async function blockCommand(io: Io, store: Store, args: BlockArgs): Promise<number> {
  const block = parseBlock(args.what)
  checkNeeded(block, args)
  const existing = await store.get('SeccompProfile', ref)
  const reason = args.reason === undefined ? block.reason : `${block.reason}: ${args.reason}`
  const decision = { by: args.by, at: args.at, reason }
  const change = (overlay: SeccompProfile) => withBlock(overlay, block, decision, args.remove)
  const before = existing ?? emptyOverlay()
  const after = change(before)
  if (after === before) {
    io.stderr(`${args.what}: ${args.remove ? 'is not blocked' : 'is blocked already'}\n`)
    if (!args.remove) await args.impact()
    return 0
  }
  for (const rule of rulesOf({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: block.rules })) {
    io.stdout(`${args.remove ? 'unblock' : 'block'} ${ruleText(rule)}\n`)
  }
  const hit = affected(await store.list('SeccompProfile'), existing, after)
  const changes = plural(hit.length, 'approved profile changes', 'approved profiles change')
  const names = `${hit.slice(0, 20).join(' ')}${hit.length > 20 ? ' …' : ''}`
  io.stderr(hit.length === 0 ? 'no approved profile changes\n' : `${changes}: ${names}\n`)
  if (!args.remove) await args.impact()
  if (args.dryRun) {
    io.stderr('dry run: nothing was changed\n')
    return 0
  }
  if (existing === undefined) await store.apply('SeccompProfile', emptyOverlay())
  await store.update('SeccompProfile', ref, change)
  io.stderr(`${emergencyLabel} changed; the hub renders and delivers every profile again\n`)
  io.stderr(
    `  next: running containers keep their filter until they restart; \`secco block\` lists them\n`
  )
  return 0
}

/** Returns the blocks of an overlay that are no templates, as rows of the list. */
function ownBlocks(overlay: SeccompProfile) {
  return blocksOutsideTemplates(overlay).map((rule) => ({
    name: blockText(rule) ?? ruleText(rule),
    reason: 'a person blocked it',
    sources: [],
    rules: [{ names: [rule.name], ...(rule.args === undefined ? {} : { args: rule.args }) }],
    blocked: true
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
    return { ...template, blocked: inForce }
  })
  const rows = [...templates, ...ownBlocks(overlay)]
  const code = printListing(io, output, {
    what: 'blocks',
    rows,
    columns: [
      { title: 'BLOCK', value: (row) => row.name },
      { title: 'BLOCKED', value: (row) => (row.blocked ? 'yes' : 'no') },
      { title: 'REASON', value: (row) => row.reason },
      { title: 'SOURCES', value: (row) => row.sources.join(', '), wide: true }
    ],
    name: (row) => row.name,
    object: (row) => row
  })
  const rules = overlay.spec.seccomp === undefined ? [] : rulesOf(overlay.spec.seccomp)
  if (output === 'table' || output === 'wide') {
    for (const rule of rules) io.stderr(`blocked now: ${ruleText(rule)}\n`)
    if (rules.length > 0) await progress()
  }
  return code
}
