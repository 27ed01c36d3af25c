import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { createLogger } from '../../log.js'
import { parseOutput } from '../output.js'
import { kubeconfigOf, pathsOf, type VerbContext, withStore } from './context.js'

/** The same folder as `secco up` takes: the kubelet's where there is one. */
const kubeletRoot = '/var/lib/kubelet'

interface DoctorFlags {
  node?: boolean
  output: string
  seccompRoot?: string
  containerdSocket: string
}

/** `secco doctor`: the whole chain, proven; `--node`: what this machine lets Secco do, by trying it. */
export function addDoctorVerb(program: Command, context: VerbContext): void {
  program
    .command('doctor')
    .description(
      'prove the whole chain with a real canary, here or with --kubeconfig in a cluster: webhook, patch, file, kernel, denial; --node: what this node can do'
    )
    .option('--node', 'this node: kernel, hooks, runtimes, folders')
    .option('--seccomp-root <dir>', "the kubelet's seccomp folder")
    .option('--containerd-socket <path>', "containerd's socket", '/run/containerd/containerd.sock')
    .option('-o, --output <format>', 'table, json or yaml', 'table')
    .action(async (flags: DoctorFlags, command: Command) => {
      const output = parseOutput(flags.output, ['table', 'json', 'yaml']) as
        | 'table'
        | 'json'
        | 'yaml'
      const kubeconfig = kubeconfigOf(command)
      if (flags.node !== true && kubeconfig !== undefined) {
        const { runClusterDoctor } = await import('../doctor-cluster.js')
        const token = context.io.env['SECCO_TOKEN']
        context.finish(await runClusterDoctor(context.io, { kubeconfig, token, output }))
        return
      }
      if (flags.node !== true) {
        const { runChainDoctor } = await import('../doctor-chain.js')
        const paths = pathsOf(command, context)
        await withStore(command, context, (store) =>
          runChainDoctor(context.io, store, {
            ...{ output, paths, user: context.user, seccompRoot: flags.seccompRoot },
            now: () => context.now()
          })
        )
        return
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
