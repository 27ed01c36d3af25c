import { SeccoError } from '../../src/lib/errors.js'
import { rootNamespace } from '../../src/api/names.js'
import { acceptProfile } from '../../src/seccomp/lint/accept.js'
import { parseDocuments } from '../../src/api/parse.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import type { Kind } from '../../src/api/objects.js'
import type { Store } from '../../src/store/store.js'
import { applyProfile } from '../../src/confinement/approving-store.js'
import type { ApprovalDecision } from '../../src/seccomp/policy/approval.js'
import type { Io } from '../lib/io.js'
import { printWarnings } from './lint.js'
import { checkRule, startCheck } from './start-check.js'

/** Checks that a document begins to enforce no start that can fail. @throws SeccoError INVALID_ARGUMENT naming the field `force` */
async function checkStart(
  store: Store,
  placed: SeccompProfile | SeccompRule,
  force: boolean | undefined
): Promise<void> {
  if (placed.kind === 'SeccompRule') return checkRule(store, placed, force)
  const { namespace = rootNamespace, name } = placed.metadata
  const before = await store.get('SeccompProfile', { namespace, name })
  const check = await startCheck(store, namespace, { force })
  check(before, placed)
}

/**
 * Applies every document of a YAML stream of one kind. All documents are checked before the first is written, so an
 * invalid one changes nothing. A profile whose approval does not match its content, or that has none, is approved by
 * the user who applies it.
 */
export async function applyDocuments(
  io: Io,
  store: Store,
  kind: Kind,
  args: {
    file: string
    namespace: string | undefined
    dryRun: boolean
    force?: boolean
  } & ApprovalDecision
): Promise<number> {
  const documents = parseDocuments(await io.readFile(args.file), args.file)
  if (documents.length === 0) {
    throw new SeccoError('INVALID_DOCUMENT', `${args.file}: holds no document`, {
      hint: `write a ${kind} there`
    })
  }
  for (const document of documents) {
    if (document.kind !== kind) {
      throw new SeccoError(
        'INVALID_DOCUMENT',
        `${args.file}: kind: is ${document.kind}, and this command takes ${kind}`,
        { field: 'kind' }
      )
    }
    if (document.kind === 'SeccompProfile') acceptProfile(document, args.file)
  }
  for (const document of documents) {
    const namespace = document.metadata.namespace ?? args.namespace ?? rootNamespace
    const placed = { ...document, metadata: { ...document.metadata, namespace } }
    const name = `${kind.toLowerCase()}.secco.dev/${document.metadata.name}`
    if (placed.kind === 'SeccompProfile') printWarnings(io, placed)
    await checkStart(store, placed, args.force)
    if (args.dryRun) {
      io.stdout(`${name} accepted (dry run)\n`)
      continue
    }
    if (placed.kind === 'SeccompProfile') {
      const { by, at } = args
      await applyProfile(store, placed, { by, at, reason: 'applied as a document' })
    }
    if (placed.kind === 'SeccompRule') await store.apply('SeccompRule', placed)
    io.stdout(`${name} applied in ${namespace}\n`)
  }
  return 0
}
