import type { Command } from 'commander'
import type { NodeView } from '../../webhook/views/view.js'
import type { GetArgs } from '../profiles/get.js'
import { SeccoError } from '../../src/lib/errors.js'
import { quickMs } from '../hubs/hub-api.js'
import { type ListingOptions, listingView } from '../lib/listing-view.js'
import { type VerbContext, withStore } from './context.js'
import { noteWithoutHub } from './hub-note.js'
import { hubOf } from './hub-of.js'

/** Loaded on use: the program's help and the other verbs do without. */
const lists = () => import('../profiles/get.js')

interface GetOptions extends ListingOptions {
  namespace?: string
  allNamespaces?: boolean
  selector?: string
}

const selectorHelp = 'show only objects with these labels: app=web,tier!=db'

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
      .option(
        '-o, --output <format>',
        'print as table, wide, json, yaml, name, jsonpath=TEMPLATE or custom-columns=TITLE:PATH,…',
        'table'
      )
      .option('--no-headers', 'print a table without its line of titles')
      .option('--sort-by <path>', 'order the list by this field, for example .metadata.name')
      .option('-n, --namespace <namespace>', 'show only this namespace')
      .option('-A, --all-namespaces', 'show every namespace (the default)')
      .argument('[name]', 'show only the object of this name')
      .action(async (name: string | undefined, options: GetOptions, command: Command) => {
        const { output, view } = await listingView(options, name !== undefined)
        const selector =
          options.selector === undefined
            ? undefined
            : (await import('../../src/rules/parse-selector.js')).parseSelector(options.selector)
        const namespace = options.allNamespaces === true ? undefined : options.namespace
        const noteIfStale = () => noteWithoutHub(command, context, 'this list may be out of date')
        const now = context.now().getTime()
        const args: GetArgs = { output, view, namespace, name, now, noteIfStale }
        await run(command, selector === undefined ? args : { ...args, selector })
      })
  add(
    'profiles',
    'profile',
    'list profiles: what was observed and what is approved',
    (command, args) =>
      withStore(command, context, async (store) =>
        (await lists()).getProfiles(context.io, store, {
          ...args,
          builtin: command.opts<{ builtin?: boolean }>().builtin === true,
          all: command.opts<{ all?: boolean }>().all === true
        })
      )
  )
    .option('-l, --selector <selector>', selectorHelp)
    .option('--all', 'list also profiles of containers without a name that nobody approved')
    .option('--builtin', 'list the profiles that ship with Secco, for spec.extends')
  add('rules', 'rule', 'list rules: which pods get which profile', (command, args) =>
    withStore(command, context, async (store) => (await lists()).getRules(context.io, store, args))
  ).option('-l, --selector <selector>', selectorHelp)
  add(
    'workloads',
    'workload',
    'list workloads and their state: learning, approved, ready',
    (command, args) =>
      withStore(command, context, async (store) =>
        (await lists()).getWorkloads(context.io, store, args)
      )
  ).option('-l, --selector <selector>', 'show only workloads whose profile has these labels')
  add(
    'nodes',
    'node',
    'list nodes: what their satellites can do, and which revisions they have',
    async (command, args) => {
      if (args.namespace !== undefined) {
        throw new SeccoError('INVALID_ARGUMENT', '--namespace: nodes belong to no namespace', {
          hint: 'leave it out: secco get nodes'
        })
      }
      const hub = await hubOf(command, context)
      const nodes = await hub.list<NodeView>('/api/v1/nodes', quickMs)
      const { getNodes } = await lists()
      context.finish(getNodes(context.io, nodes, args))
    }
  )
}
