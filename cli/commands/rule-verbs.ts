import type { Command } from 'commander'
import {
  type Mode,
  modes,
  type WhenNotReady,
  whenNotReadyChoices
} from '../../src/api/seccomp-rule.js'
import { parseOutput } from '../lib/output-format.js'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'
import type { Hub } from '../hubs/hub.js'
import { kubeconfigOf, type VerbContext, withStore } from './context.js'
import { hubOf } from './hub-of.js'
import { rootNamespace } from '../../src/api/names.js'
import { addDelete, forceHelp } from './change-verbs.js'
import { parseRef } from '../lib/object-ref.js'
import { addApply } from './profile-verbs.js'

type Format = 'table' | 'json' | 'yaml'

/** Returns the hub to ask; undefined when none runs on the state folder. In a cluster a hub has to answer. */
async function hubIfAny(command: Command, context: VerbContext): Promise<Hub | undefined> {
  try {
    return await hubOf(command, context)
  } catch (error) {
    if (kubeconfigOf(command) !== undefined || toSeccoError(error).code !== 'UNAVAILABLE')
      throw error
    return undefined
  }
}

interface CheckOptions {
  file?: string
  pod?: string
  output: string
}

/** Adds a verb that shows what the webhook would do with a pod. */
function addCheck(parent: Command, name: string, description: string, context: VerbContext): void {
  parent
    .command(name)
    .description(description)
    .option(
      '-f, --file <file>',
      "read a pod, or a workload with a pod template, '-' for standard input"
    )
    .option('--pod <namespace/name>', 'check a new pod of the workload of this running pod')
    .option('-o, --output <format>', 'print as table, json or yaml', 'table')
    .action(async (options: CheckOptions, command: Command) => {
      const { decidedByFiles, decidedByHub, runCheck } = await import('../profiles/check.js')
      const { file, pod } = options
      const output = parseOutput(options.output, ['table', 'json', 'yaml']) as Format
      const { io } = context
      if (pod !== undefined && file === undefined) {
        const { decidedOnRunning, printResults } = await import('../profiles/check.js')
        const hub = await hubOf(command, context)
        printResults([await decidedOnRunning(hub, parseRef(pod, 'default'))], output, io)
        context.finish(0)
        return
      }
      if (file === undefined || pod !== undefined) {
        throw new SeccoError('INVALID_ARGUMENT', 'check: give either --file or --pod', {
          hint: `secco ${command.parent?.parent ? 'rule test' : 'check'} -f POD.yaml`
        })
      }
      const hub = await hubIfAny(command, context)
      if (hub !== undefined) {
        const decide = decidedByHub(hub)
        context.finish(await runCheck({ file, output }, { ...io, decide }))
        return
      }
      const { fileSnapshot } = await import('../profiles/file-snapshot.js')
      io.stderr('decided from files: no hub runs on this state folder\n')
      await withStore(command, context, async (store) => {
        const decide = decidedByFiles(await fileSnapshot(store))
        return runCheck({ file, output }, { ...io, decide })
      })
    })
}

interface RuleCreateOptions {
  namespace: string
  profile?: string
  mode: string
  labels?: string
  containers?: string
  whenNotReady?: string
  force?: boolean
  dryRun?: boolean
  output: string
}

/** Adds `secco rule create`. */
function addCreate(rule: Command, context: VerbContext): void {
  rule
    .command('create <name>')
    .description('create a rule that gives a profile to the pods with certain labels')
    .option('-n, --namespace <namespace>', 'create the rule in this namespace', rootNamespace)
    .option('--profile <profile>', 'give this profile: NAME or NAMESPACE/NAME')
    .requiredOption('--mode <mode>', 'learn, audit or enforce')
    .option('--labels <labels>', 'select pods with these labels: KEY=VALUE,… (default: every pod)')
    .option('--containers <names>', 'select only containers with these names: NAME,…')
    .option(
      '--when-not-ready <choice>',
      'what a pod gets while a node lacks the file: RuntimeDefault, Previous or Deny'
    )
    .option('--force', forceHelp)
    .option('--dry-run', 'check the rule and create nothing')
    .option('-o, --output <format>', 'print as table, json or yaml', 'table')
    .action(async (name: string, options: RuleCreateOptions, command: Command) => {
      const { createRule } = await import('../profiles/rule-create.js')
      const { namespace, profile, labels, containers, whenNotReady, dryRun = false } = options
      const args = {
        ...{ name, namespace, profile, labels, containers, dryRun },
        force: options.force === true,
        mode: parseOutput(options.mode, modes, '--mode') as Mode,
        whenNotReady:
          whenNotReady === undefined
            ? undefined
            : (parseOutput(whenNotReady, whenNotReadyChoices, '--when-not-ready') as WhenNotReady),
        output: parseOutput(options.output, ['table', 'json', 'yaml']) as Format
      }
      await withStore(command, context, (store) => createRule(context.io, store, args))
    })
}

/** Adds `secco rule create|apply|delete|export|test` and `secco check`. */
export function addRuleVerbs(program: Command, context: VerbContext): void {
  const rule = program
    .command('rule')
    .description('create and apply rules, and test which one a pod gets')
  addCreate(rule, context)
  addApply(rule, context, 'SeccompRule')
  addDelete(rule, context, 'SeccompRule', rootNamespace)
  rule
    .command('export <name>')
    .description(
      'export a rule as a MutatingAdmissionPolicy with its parameters, for a cluster without the webhook (map), ' +
        'or as a document for another installation (yaml)'
    )
    .option(
      '-n, --namespace <namespace>',
      'use this namespace for a NAME without one',
      rootNamespace
    )
    .option('-o, --output <format>', 'export as map or yaml', 'map')
    .action(
      async (name: string, options: { namespace: string; output: string }, command: Command) => {
        const { exportRule, ruleFormats } = await import('../profiles/rule-export.js')
        const format = parseOutput(options.output, ruleFormats) as (typeof ruleFormats)[number]
        await withStore(command, context, (store) =>
          exportRule(context.io, store, parseRef(name, options.namespace), format)
        )
      }
    )
  addCheck(rule, 'test', 'show which rule a pod gets, and what the webhook would do', context)
  addCheck(program, 'check', 'show what the webhook would do with a pod, and why', context)
}
