import type { Command } from 'commander'
import type { Store } from '../../src/store/store.js'
import type { Io } from '../lib/io.js'
import { type StatePaths, statePaths } from '../lib/state.js'

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

/** Returns the kubeconfig of the cluster that a verb works on, or undefined for the state folder. */
export function kubeconfigOf(command: Command): string | undefined {
  return command.optsWithGlobals<{ kubeconfig?: string }>().kubeconfig
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
    for (const problem of store.problems())
      context.io.stderr(`warning: ${problem.where}: ${problem.message}\n`)
    context.finish(await verb(store))
  } finally {
    await store.close()
  }
}
