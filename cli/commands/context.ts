import type { Command } from 'commander'
import type { Store } from '../../src/store/store.js'
import type { Io } from '../lib/io.js'
import type { KubeconfigOptions } from '../lib/open-store.js'
import { type StatePaths, statePaths } from '../lib/state.js'

interface ClusterOptions {
  kubeconfig?: string
  context?: string
  as?: string
}

/** The environment that main() hands to every verb. */
export interface VerbContext {
  io: Io
  /** The process's own streams, for verbs that share them with a command they run. */
  streams: { stdout: NodeJS.WritableStream; stderr: NodeJS.WritableStream; isTerminal: boolean }
  /** The raw arguments: a `--` in them distinguishes `trace -- COMMAND` from `trace CONTAINER`. */
  argv: readonly string[]
  uid: number
  /** Name of the user, recorded with approvals. */
  user: string
  now: () => Date
  /** Installs the signal handlers on first use, so that verbs that end by themselves keep the default handling. */
  stopSignal: () => AbortSignal
  finish: (exitCode: number) => void
}

/** Returns the paths of the state folder that a verb works on. */
export function pathsOf(command: Command, context: Pick<VerbContext, 'io' | 'uid'>): StatePaths {
  return statePaths(context.io, command.optsWithGlobals<{ state?: string }>().state, context.uid)
}

/** Returns the cluster that a verb works on, and the user who asks it; undefined for the state folder. */
export function kubeconfigOf(command: Command): KubeconfigOptions | undefined {
  const { kubeconfig: files, context, as } = command.optsWithGlobals<ClusterOptions>()
  return [files, context, as].every((one) => one === undefined) ? undefined : { files, context, as }
}

/**
 * Gives a verb the namespace of the cluster's context where it would take `default` for a NAME without one, as kubectl
 * does. @throws SeccoError for the kubeconfig
 */
export async function useNamespaceOfContext(command: Command): Promise<void> {
  const kubeconfig = kubeconfigOf(command)
  const unsaid = ['namespace', 'namespaceOf'].filter(
    (name) =>
      command.getOptionValueSource(name) === 'default' && command.getOptionValue(name) === 'default'
  )
  if (kubeconfig === undefined || unsaid.length === 0) return
  const { loadKubeconfig } = await import('../lib/open-store.js')
  const config = await loadKubeconfig(kubeconfig)
  const { namespace } = config.getContextObject(config.currentContext) ?? {}
  if (namespace === undefined) return
  for (const name of unsaid) command.setOptionValueWithSource(name, namespace, 'config')
}

/** Runs a verb against the store of the state folder or cluster, and closes the store in the end. */
export async function withStore(
  command: Command,
  context: VerbContext,
  verb: (store: Store) => Promise<number>
): Promise<void> {
  // Loaded on use: the node agent has no store.
  const { openStore } = await import('../lib/open-store.js')
  const store = await openStore(pathsOf(command, context).objects, kubeconfigOf(command), {
    lazy: true
  })
  try {
    context.finish(await verb(store))
  } finally {
    for (const problem of store.problems())
      context.io.stderr(`warning: ${problem.where}: ${problem.message}\n`)
    await store.close()
  }
}
