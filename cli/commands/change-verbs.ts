import type { Command } from 'commander'
import { SeccoError } from '../../src/lib/errors.js'
import type { Kind } from '../../src/api/objects.js'
import type { Store } from '../../src/store/store.js'
import { parseRef } from '../lib/object-ref.js'
import { type VerbContext, withStore } from './context.js'
import { withChanges } from './who-acts.js'

const listOf = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')

/** The help of --force where a write can begin to enforce a start that can fail. */
export const forceHelp =
  'also where a start that was not recorded, or is denied, is enforced at once'

/** Reads --reason. @throws SeccoError INVALID_ARGUMENT for the ellipsis of an example, which would be kept for good */
export function reasonOf(text: string): string {
  if (text.trim() !== '…' && text.trim() !== '...') return text
  throw new SeccoError('INVALID_ARGUMENT', `--reason ${text}: is no reason`, {
    hint: 'say why in your own words: it is kept with the decision'
  })
}

/** Adds `secco profile call NAME --allow A --deny B`, which does the same as a click in the grid of a page. */
export function addCallVerb(profile: Command, context: VerbContext): void {
  profile
    .command('call <name>')
    .description('allow or deny single syscalls, whatever was observed')
    .option('-n, --namespace <namespace>', 'use this namespace for a NAME without one', 'default')
    .option('--allow <calls>', 'allow these syscalls, comma-separated')
    .option(
      '--deny <calls>',
      'deny these syscalls, comma-separated; one that was observed counts as decided'
    )
    .requiredOption('--reason <text>', 'record this reason with the decision', reasonOf)
    .option('--force', forceHelp)
    .action(
      async (
        name: string,
        options: {
          namespace: string
          allow?: string
          deny?: string
          reason: string
          force?: boolean
        },
        command: Command
      ) => {
        const ref = parseRef(name, options.namespace)
        const [allow, deny] = [listOf(options.allow), listOf(options.deny)]
        if (allow.length + deny.length === 0) {
          throw new SeccoError(
            'INVALID_ARGUMENT',
            'nothing to decide: neither --allow nor --deny names a syscall'
          )
        }
        const { startCheck } = await import('../profiles/start-check.js')
        const { decideCalls } = await import('../../src/seccomp/review/decide-calls.js')
        const decision = { at: context.now().toISOString(), reason: options.reason, allow, deny }
        await withChanges(command, context, async (store, by) => {
          const checkStart = await startCheck(store, ref.namespace, { force: options.force })
          const made = { change: false }
          await store.update('SeccompProfile', ref, (profile) => {
            const after = decideCalls(profile, { ...decision, by })
            made.change = after !== profile
            checkStart(profile, after)
            return after
          })
          const what = made.change
            ? 'decided; the hub renders and delivers the revision'
            : 'nothing changed: the profile already answers these calls so'
          context.io.stderr(`${ref.namespace}/${ref.name}: ${what}\n`)
          return 0
        })
      }
    )
}

/**
 * Rejects a parent that does not exist: the profile could not be rendered. Whoever may not read it is not asked.
 * @throws SeccoError NOT_FOUND
 */
async function mustExist(store: Store, parents: readonly string[], namespace: string) {
  const { builtinProfile } = await import('../../src/seccomp/render/builtin.js')
  const { extendsRef } = await import('../../src/seccomp/render/approved.js')
  for (const parent of parents) {
    const ref = extendsRef(parent, namespace)
    if (builtinProfile(ref.namespace, ref.name) !== undefined) continue
    try {
      if ((await store.get('SeccompProfile', ref)) !== undefined) continue
    } catch (error) {
      if (error instanceof SeccoError && error.code === 'FORBIDDEN') continue
      throw error
    }
    const message = `--add ${parent}: there is no profile ${ref.namespace}/${ref.name}`
    throw new SeccoError('NOT_FOUND', message, {
      hint: 'secco get profiles -A lists what can be extended, with --builtin what ships with Secco'
    })
  }
}

/** Adds `secco profile extend NAME --add PARENT`. */
export function addExtendVerb(profile: Command, context: VerbContext): void {
  profile
    .command('extend <name>')
    .description(
      'add or remove parents of a profile (secco get profiles --builtin lists those that ship with Secco)'
    )
    .option('-n, --namespace <namespace>', 'use this namespace for a NAME without one', 'default')
    .option('--add <profiles>', 'add these parents: NAME or NAMESPACE/NAME, comma-separated')
    .option('--remove <profiles>', 'remove these parents')
    .option('--force', forceHelp)
    .action(
      async (
        name: string,
        options: { namespace: string; add?: string; remove?: string; force?: boolean },
        command: Command
      ) => {
        const ref = parseRef(name, options.namespace)
        const { startCheck } = await import('../profiles/start-check.js')
        const { withParents } = await import('../../src/seccomp/render/extend.js')
        const [add, remove] = [listOf(options.add), listOf(options.remove)]
        await withChanges(command, context, async (store, by) => {
          const who = { by, at: context.now().toISOString() }
          await mustExist(store, add, ref.namespace)
          const checkStart = await startCheck(store, ref.namespace, { force: options.force })
          const after = await store.update('SeccompProfile', ref, (profile) => {
            const changed = withParents(profile, add, remove, who)
            checkStart(profile, changed)
            return changed
          })
          context.io.stdout(
            `${ref.namespace}/${ref.name} extends ${after.spec.extends?.join(', ') ?? 'nothing'}\n`
          )
          return 0
        })
      }
    )
}

/** Adds `delete NAME`, which is the same for both kinds. */
export function addDelete(
  parent: Command,
  context: VerbContext,
  kind: Kind,
  namespace: string
): void {
  parent
    .command('delete <name>')
    .description(`delete a ${kind}; running containers keep their filter`)
    .option('-n, --namespace <namespace>', 'use this namespace for a NAME without one', namespace)
    .action(async (name: string, options: { namespace: string }, command: Command) => {
      const ref = parseRef(name, options.namespace)
      await withStore(command, context, async (store) => {
        if (!(await store.delete(kind, ref))) {
          throw new SeccoError(
            'NOT_FOUND',
            `${kind} ${ref.name} does not exist in namespace ${ref.namespace}`
          )
        }
        context.io.stdout(`${kind.toLowerCase()}.secco.dev/${ref.name} deleted\n`)
        return 0
      })
    })
}
