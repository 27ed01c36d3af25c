import type { Command } from 'commander'
import { parseOutput, type Output } from '../lib/output-format.js'
import type { VerbContext } from './context.js'
import { hubOf } from './hub-of.js'

interface PsOptions {
  namespace?: string
  allNamespaces?: boolean
  selector?: string
  output: string
  watch?: boolean
  wrong?: boolean
}

/** Adds `secco ps`. */
export function addPsVerb(program: Command, context: VerbContext): void {
  program
    .command('ps')
    .description(
      'list running containers and how the kernel confines them: unconfined, RuntimeDefault, audit, enforced, …'
    )
    .option('-n, --namespace <namespace>', 'show only this namespace (default: all)')
    .option('-A, --all-namespaces', 'show all namespaces, also when -n is given')
    .option('-l, --selector <selector>', 'show only containers with these labels: app=web,tier!=db')
    .option('-w, --watch', 'print again whenever something changes')
    .option(
      '--wrong',
      'show only containers with drift, with a stale revision, or without the protection they should have; ' +
        'exit code 1: there is none, as far as is known, and a node does not report'
    )
    .option(
      '-o, --output <format>',
      'print as table, wide, json, yaml or name; CALLS MADE of wide counts the different calls since the recorder of the node was made',
      'table'
    )
    .action(async (options: PsOptions, command: Command) => {
      const { listContainers } = await import('../confinement/ps.js')
      const hub = await hubOf(command, context)
      context.finish(
        await listContainers(context.io, hub, {
          output: parseOutput(options.output) as Output,
          namespace: options.allNamespaces === true ? undefined : options.namespace,
          selector: options.selector,
          wrong: options.wrong === true,
          watch: options.watch === true ? context.stopSignal() : undefined,
          now: () => context.now().getTime()
        })
      )
    })
}
