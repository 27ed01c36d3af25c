import type { Command } from 'commander'
import { SeccoError } from '../../src/lib/errors.js'
import { decideCalls } from '../../src/seccomp/review/decide-calls.js'
import { withParents } from '../../src/seccomp/policy/extend.js'
import type { Kind } from '../../src/api/objects.js'
import { parseRef } from '../profiles/profile.js'
import { type VerbContext, withStore } from './context.js'
import { withChanges } from './who-acts.js'

const listOf = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')

/** `secco profile call NAME --allow A --refuse B`: single calls, as a click in the grid does. */
export function addCallVerb(profile: Command, context: VerbContext): void {
  profile
    .command('call <name>')
    .description('let single calls through, or refuse them, whatever was observed')
    .option('-n, --namespace <namespace>', 'namespace of a NAME without one', 'default')
    .option('--allow <calls>', 'let these through, comma-separated')
    .option('--refuse <calls>', 'do not let these through any more')
    .requiredOption('--reason <text>', 'why, kept with the decision')
    .action(
      async (
        name: string,
        options: { namespace: string; allow?: string; refuse?: string; reason: string },
        command: Command
      ) => {
        const ref = parseRef(name, options.namespace)
        const [allow, refuse] = [listOf(options.allow), listOf(options.refuse)]
        if (allow.length + refuse.length === 0) {
          throw new SeccoError(
            'INVALID_ARGUMENT',
            'nothing to decide: neither --allow nor --refuse names a call'
          )
        }
        const decision = { at: context.now().toISOString(), reason: options.reason, allow, refuse }
        await withChanges(command, context, async (store, by) => {
          await store.update('SeccompProfile', ref, (profile) =>
            decideCalls(profile, { ...decision, by })
          )
          context.io.stderr(
            `${ref.namespace}/${ref.name}: decided; the hub renders and delivers the revision\n`
          )
          return 0
        })
      }
    )
}

/** `secco profile extend NAME --add PARENT`. */
export function addExtendVerb(profile: Command, context: VerbContext): void {
  profile
    .command('extend <name>')
    .description(
      'build a profile on others, or no longer (secco get profiles --builtin lists those that come along)'
    )
    .option('-n, --namespace <namespace>', 'namespace of a NAME without one', 'default')
    .option('--add <profiles>', 'NAME or NAMESPACE/NAME, comma-separated')
    .option('--remove <profiles>', 'take these away')
    .action(
      async (
        name: string,
        options: { namespace: string; add?: string; remove?: string },
        command: Command
      ) => {
        const ref = parseRef(name, options.namespace)
        const [add, remove] = [listOf(options.add), listOf(options.remove)]
        await withChanges(command, context, async (store, by) => {
          const who = { by, at: context.now().toISOString() }
          const after = await store.update('SeccompProfile', ref, (profile) =>
            withParents(profile, add, remove, who)
          )
          context.io.stdout(
            `${ref.namespace}/${ref.name} extends ${after.spec.extends?.join(', ') ?? 'nothing'}\n`
          )
          return 0
        })
      }
    )
}

/** `delete NAME`, the same for both kinds. */
export function addDelete(
  parent: Command,
  context: VerbContext,
  kind: Kind,
  namespace: string
): void {
  parent
    .command('delete <name>')
    .description(`delete a ${kind}; running containers keep their filter`)
    .option('-n, --namespace <namespace>', 'namespace of a NAME without one', namespace)
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
