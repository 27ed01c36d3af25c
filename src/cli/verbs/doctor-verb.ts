import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { SeccoError } from '../../errors.js'
import { createLogger } from '../../log.js'
import { parseOutput } from '../output.js'
import { pathsOf, type VerbContext } from './context.js'

/** The same folder as `secco up` takes: the kubelet's where there is one. */
const kubeletRoot = '/var/lib/kubelet'

interface DoctorFlags {
  node?: boolean
  output: string
  seccompRoot?: string
  containerdSocket: string
}

/** `secco doctor --node`: what this machine lets Secco do, by trying it. */
export function addDoctorVerb(program: Command, context: VerbContext): void {
  program
    .command('doctor')
    .description('try what this node lets Secco do, and say what each thing means')
    .option('--node', 'this node: kernel, hooks, runtimes, folders')
    .option('--seccomp-root <dir>', "the kubelet's seccomp folder")
    .option('--containerd-socket <path>', "containerd's socket", '/run/containerd/containerd.sock')
    .option('-o, --output <format>', 'table, json or yaml', 'table')
    .action(async (flags: DoctorFlags, command: Command) => {
      const output = parseOutput(flags.output, ['table', 'json', 'yaml']) as
        | 'table'
        | 'json'
        | 'yaml'
      if (flags.node !== true) {
        throw new SeccoError('INVALID_ARGUMENT', 'doctor looks at one thing: give --node', {
          hint: 'secco doctor --node'
        })
      }
      const seccompRoot =
        flags.seccompRoot ??
        (existsSync(kubeletRoot) ? join(kubeletRoot, 'seccomp') : pathsOf(command, context).seccomp)
      const { runNodeDoctor } = await import('../doctor.js')
      const { containerdSocket } = flags
      const logger = createLogger('doctor')
      logger.level = 'silent'
      context.finish(
        await runNodeDoctor(context.io, { output, seccompRoot, containerdSocket, logger })
      )
    })
}
