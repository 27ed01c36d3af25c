import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { SeccoError } from '../../src/lib/errors.js'
import { usualNodes } from '../doctor/doctor-cluster-nodes.js'
import { readNodeRoots } from '../lib/node-roots.js'
import { parseOutput } from '../lib/output-format.js'
import { kubeconfigOf, pathsOf, type VerbContext, withStore } from './context.js'
import { btfMeaning } from './program-options.js'

/** The folder of the kubelet, which `secco up` also uses where there is one. */
const kubeletRoot = '/var/lib/kubelet'

interface DoctorFlags {
  node?: boolean
  output: string
  seccompRoot?: string
  containerdSocket: string
  nodes?: string
  btf?: string
}

/** Reads how many nodes get a canary. @throws SeccoError INVALID_ARGUMENT */
function mostNodes(text: string | undefined): number {
  if (text === undefined) return usualNodes
  if (text === 'all') return Number.POSITIVE_INFINITY
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text)
  throw new SeccoError('INVALID_ARGUMENT', `--nodes ${text}: not a number of nodes`, {
    hint: 'write --nodes 20, or --nodes all'
  })
}

/** Adds `secco doctor`, which proves the whole chain; with `--node` it tries what Secco can do on this machine. */
export function addDoctorVerb(program: Command, context: VerbContext): void {
  program
    .command('doctor')
    .description(
      'prove the whole chain with a real canary, here or in a cluster: webhook, patch, file, kernel, denial'
    )
    .option('--node', 'check what this node can do: kernel, hooks, runtimes, folders')
    .option(
      '--nodes <number>',
      `with --kubeconfig: start a canary on at most this many nodes, or on all (default: ${usualNodes})`
    )
    .option('--seccomp-root <dir>', 'use this seccomp folder of the kubelet')
    .option(
      '--containerd-socket <path>',
      'connect to containerd at this socket',
      '/run/containerd/containerd.sock'
    )
    .option('--btf <file>', `with --node: ${btfMeaning}`)
    .option('-o, --output <format>', 'print as table, json or yaml', 'table')
    .action(async (flags: DoctorFlags, command: Command) => {
      const output = parseOutput(flags.output, ['table', 'json', 'yaml']) as
        | 'table'
        | 'json'
        | 'yaml'
      const kubeconfig = kubeconfigOf(command)
      if (flags.node !== true && kubeconfig !== undefined) {
        const most = mostNodes(flags.nodes)
        const { runClusterDoctor } = await import('../doctor/doctor-cluster.js')
        const token = context.io.env['SECCO_TOKEN']
        context.finish(
          await runClusterDoctor(context.io, {
            kubeconfig,
            token,
            output,
            most,
            signal: context.stopSignal()
          })
        )
        return
      }
      if (flags.node !== true) {
        const { runChainDoctor } = await import('../doctor/doctor-chain.js')
        const paths = pathsOf(command, context)
        const seccompRoot = flags.seccompRoot ?? (await readNodeRoots(paths))?.seccompRoot
        await withStore(command, context, (store) =>
          runChainDoctor(context.io, store, {
            ...{ output, paths, user: context.user, seccompRoot },
            now: () => context.now(),
            signal: context.stopSignal()
          })
        )
        return
      }
      const seccompRoot =
        flags.seccompRoot ??
        (await readNodeRoots(pathsOf(command, context)))?.seccompRoot ??
        (existsSync(kubeletRoot) ? join(kubeletRoot, 'seccomp') : pathsOf(command, context).seccomp)
      const { runNodeDoctor } = await import('../doctor/doctor.js')
      const { containerdSocket, btf } = flags
      const { createLogger } = await import('../../src/lib/log.js')
      const logger = createLogger('doctor')
      logger.level = 'silent'
      context.finish(
        await runNodeDoctor(context.io, { output, seccompRoot, containerdSocket, btf, logger })
      )
    })
}
