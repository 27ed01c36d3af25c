import type { Command } from 'commander'
import type { VerbContext } from './context.js'

/** Adds `secco own-profile show` and `secco own-profile write`. */
export function addOwnProfileVerb(program: Command, context: VerbContext): void {
  const own = program
    .command('own-profile')
    .description('show or write the profiles under which Secco itself runs in a cluster')
  own
    .command('show <program>')
    .description(
      'print the profile of webhook or satellite, which is the same on every node and in every cluster'
    )
    .action(async (name: string) => {
      const { showOwnProfile } = await import('../profiles/own-profile.js')
      context.finish(showOwnProfile(context.io, name))
    })
  own
    .command('write <program>')
    .description(
      "write that profile into a node's folder, as the init containers of Secco's pods do"
    )
    .requiredOption(
      '--dir <dir>',
      "write into this existing folder: secco/_own below the kubelet's seccomp folder"
    )
    .requiredOption('--expect <digest>', 'require this digest, sha256:…, which the manifest names')
    .action(async (name: string, options: { dir: string; expect: string }) => {
      const { writeOwnProfile } = await import('../profiles/own-profile.js')
      context.finish(await writeOwnProfile(context.io, { program: name, ...options }))
    })
}
