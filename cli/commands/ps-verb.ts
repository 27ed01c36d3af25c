import type { Command } from 'commander'
import { parseOutput, type Output } from '../lib/output-format.js'
import type { VerbContext } from './context.js'
import { hubsOf } from './hubs-of.js'

interface PsOptions {
  namespace?: string
  allNamespaces?: boolean
  selector?: string
  output: string
  watch?: boolean
  wrong?: boolean
}

/** `secco ps`. */
export function addPsVerb(program: Command, context: VerbContext): void {
  program
    .command('ps')
    .description(
      'every running container and how the kernel really confines it: unconfined, runtime default, audit, enforced, not protectable'
    )
    .option('-n, --namespace <namespace>', 'only this namespace (default: all)')
    .option('-A, --all-namespaces', 'all namespaces, also when -n is given')
    .option('-l, --selector <selector>', 'only containers with these labels: app=web,tier!=db')
    .option('-w, --watch', 'print again whenever something changes')
    .option('--wrong', 'only drift, stale ones, and those that should be protected and are not')
    .option('-o, --output <format>', 'table, wide, json, yaml or name', 'table')
    .action(async (options: PsOptions, command: Command) => {
      const { listContainers } = await import('../confinement/ps.js')
      const hubs = await hubsOf(command, context)
      context.finish(
        await listContainers(context.io, hubs, {
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
