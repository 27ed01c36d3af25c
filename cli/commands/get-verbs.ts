import type { Command } from 'commander'
import type { NodeView } from '../../webhook/views/view.js'
import { type GetArgs, getNodes, getProfiles, getRules, getWorkloads } from '../profiles/get.js'
import { quickMs } from '../hubs/hub-api.js'
import { type Output, parseOutput } from '../lib/output-format.js'
import { type VerbContext, withStore } from './context.js'
import { hubOf } from './hub-of.js'

interface GetOptions {
  output: string
  namespace?: string
  allNamespaces?: boolean
}

/** Adds `secco get profiles|rules|workloads|nodes`. */
export function addGetVerbs(program: Command, context: VerbContext): void {
  const get = program.command('get').description('list profiles, rules, workloads or nodes')
  const add = (
    what: string,
    alias: string,
    description: string,
    run: (command: Command, args: GetArgs) => Promise<void>
  ) =>
    get
      .command(what)
      .alias(alias)
      .description(description)
      .option('-o, --output <format>', 'print as table, wide, json, yaml or name', 'table')
      .option('-n, --namespace <namespace>', 'show only this namespace')
      .option('-A, --all-namespaces', 'show every namespace (the default)')
      .argument('[name]', 'show only the object of this name')
      .action(async (name: string | undefined, options: GetOptions, command: Command) => {
        const output = parseOutput(options.output) as Output
        const namespace = options.allNamespaces === true ? undefined : options.namespace
        await run(command, { output, namespace, name, now: context.now().getTime() })
      })
  add(
    'profiles',
    'profile',
    'list profiles: what was observed and what is approved',
    (command, args) =>
      withStore(command, context, (store) =>
        getProfiles(context.io, store, {
          ...args,
          builtin: command.opts<{ builtin?: boolean }>().builtin === true
        })
      )
  ).option('--builtin', 'list the profiles that ship with Secco, for spec.extends')
  add('rules', 'rule', 'list rules: which pods get which profile', (command, args) =>
    withStore(command, context, (store) => getRules(context.io, store, args))
  )
  add(
    'workloads',
    'workload',
    'list workloads and their state: learning, approved, ready',
    (command, args) => withStore(command, context, (store) => getWorkloads(context.io, store, args))
  )
  add(
    'nodes',
    'node',
    'list nodes: what their satellites can do, and which revisions they have',
    async (command, args) => {
      const hub = await hubOf(command, context)
      const nodes = await hub.list<NodeView>('/api/v1/nodes', quickMs)
      context.finish(getNodes(context.io, nodes, args))
    }
  )
}
