import type { Command } from 'commander'
import type { VerbContext } from './context.js'

/** `secco own-profile show|write`. */
export function addOwnProfileVerb(program: Command, context: VerbContext): void {
  const own = program
    .command('own-profile')
    .description('the profiles under which Secco itself runs in a cluster')
  own
    .command('show <program>')
    .description('the profile of webhook or satellite: the same for every node and every cluster')
    .action(async (name: string) => {
      const { showOwnProfile } = await import('../profiles/own-profile.js')
      context.finish(showOwnProfile(context.io, name))
    })
  own
    .command('write <program>')
    .description("put that profile into a node's folder: what the pods' init containers do")
    .requiredOption(
      '--dir <dir>',
      "the folder; it has to be there: secco/_own below the kubelet's seccomp folder"
    )
    .requiredOption('--expect <digest>', 'sha256:… that the manifest names; another one is refused')
    .action(async (name: string, options: { dir: string; expect: string }) => {
      const { writeOwnProfile } = await import('../profiles/own-profile.js')
      context.finish(await writeOwnProfile(context.io, { program: name, ...options }))
    })
}
