import type { Command } from 'commander'
import type { Store } from '../../src/store/store.js'
import type { Io } from '../lib/io.js'
import { type StatePaths, statePaths } from '../lib/state.js'

/** What every verb gets from the front door. */
export interface VerbContext {
  io: Io
  /** The process's own streams, for verbs that share them with a command they run. */
  streams: { stdout: NodeJS.WritableStream; stderr: NodeJS.WritableStream; isTerminal: boolean }
  /** The raw arguments: `--` in them tells `trace -- COMMAND` from `trace CONTAINER`. */
  argv: readonly string[]
  uid: number
  /** Who acts: recorded with approvals. */
  user: string
  now: () => Date
  /** Installs the signal handlers on first use: verbs that end by themselves die the usual way. */
  stopSignal: () => AbortSignal
  finish: (exitCode: number) => void
}

/** The state folder that a verb works on. */
export function pathsOf(command: Command, context: VerbContext): StatePaths {
  return statePaths(context.io, command.optsWithGlobals<{ state?: string }>().state, context.uid)
}

/** The cluster whose objects a verb works on; undefined: those of the state folder. */
export function kubeconfigOf(command: Command): string | undefined {
  return command.optsWithGlobals<{ kubeconfig?: string }>().kubeconfig
}

/** Runs a verb against the store of the state folder or cluster, and closes it whatever happens. */
export async function withStore(
  command: Command,
  context: VerbContext,
  verb: (store: Store) => Promise<number>
): Promise<void> {
  // Loaded on use: the node's agent has no store.
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
