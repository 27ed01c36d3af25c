import type { Command } from 'commander'
import type { VerbContext } from './context.js'

/** Adds verbs with their options to the program. */
type Add = (program: Command, context: VerbContext) => void

interface VerbFile {
  /** Name of each verb, and what `secco --help` says of it. */
  verbs: Readonly<Record<string, string>>
  load: () => Promise<Add>
}

/** Verbs by what they are for: the headings of `secco --help`. A file is loaded for its own verbs only. */
const groups: Readonly<Record<string, readonly VerbFile[]>> = {
  'Learn and review:': [
    {
      verbs: { trace: 'count the syscalls of a pod, a container or a command' },
      load: async () => (await import('./trace-verb.js')).addTraceVerb
    },
    {
      verbs: { learn: 'run the tests of a workload until the evidence is complete' },
      load: async () => (await import('./learn-verb.js')).addLearnVerb
    },
    {
      verbs: { profile: 'show, approve, export, compare and change profiles' },
      load: async () => (await import('./profile-verbs.js')).addProfileVerbs
    },
    {
      verbs: {
        diff: 'show what changes between two profiles, and why',
        lint: 'report what is wrong, risky or surprising about a profile'
      },
      load: async () => (await import('./review-verbs.js')).addReviewVerbs
    },
    {
      verbs: {
        import: 'make profiles of files of other tools',
        migrate: 'replace seccomp annotations in manifests'
      },
      load: async () => (await import('./import-verbs.js')).addImportVerbs
    },
    {
      verbs: { render: 'print the filter of a profile for a container runtime' },
      load: async () => (await import('./render-verb.js')).addRenderVerb
    },
    {
      verbs: { base: 'list or measure what every container needs' },
      load: async () => (await import('./base-verbs.js')).addBaseVerbs
    }
  ],
  'See what is confined:': [
    {
      verbs: { get: 'list profiles, rules, workloads or nodes' },
      load: async () => (await import('./get-verbs.js')).addGetVerbs
    },
    {
      verbs: { ps: 'list running containers and how the kernel confines them' },
      load: async () => (await import('./ps-verb.js')).addPsVerb
    }
  ],
  'Explain and change:': [
    {
      verbs: {
        denials: 'list denied syscalls, allow or mute them',
        explain: 'explain why a container has its profile',
        'why-eperm': 'show which syscall was denied, and what to do',
        history: 'show what happened to a workload',
        simulate: 'replay recorded syscalls against a profile',
        promote: 'set the next mode of a workload',
        rollback: 'move a workload back to its earlier mode or revision'
      },
      load: async () => (await import('./truth-verbs.js')).addTruthVerbs
    },
    {
      verbs: {
        rule: 'apply rules, and test which one a pod gets',
        check: 'show what the webhook would do with a pod'
      },
      load: async () => (await import('./rule-verbs.js')).addRuleVerbs
    },
    {
      verbs: { block: 'block a syscall in every profile at once' },
      load: async () => (await import('./block-verb.js')).addBlockVerb
    }
  ],
  'Install and run:': [
    {
      verbs: { up: 'run everything on this machine' },
      load: async () => (await import('./up-verb.js')).addUpVerb
    },
    {
      verbs: {
        install: 'print the objects that a cluster needs',
        uninstall: 'remove Secco from a cluster'
      },
      load: async () => (await import('./install-verbs.js')).addInstallVerbs
    },
    {
      verbs: { doctor: 'prove the whole chain with a real canary' },
      load: async () => (await import('./doctor-verb.js')).addDoctorVerb
    },
    {
      verbs: { ui: 'open the pages, and list what users did' },
      load: async () => (await import('./ui-verbs.js')).addUiVerbs
    },
    {
      verbs: { webhook: 'run the admission webhook, the hub and the pages' },
      load: async () => (await import('./webhook-verb.js')).addWebhookVerb
    },
    {
      verbs: { satellite: 'run the node agent' },
      load: async () => (await import('./satellite-verb.js')).addSatelliteVerb
    },
    {
      verbs: { 'own-profile': 'show or write the profiles of Secco itself' },
      load: async () => (await import('./own-profile-verb.js')).addOwnProfileVerb
    }
  ],
  'About this program:': [
    {
      verbs: {
        version: 'print the version, and whether containers can be traced',
        completion: 'print a completion script for a shell'
      },
      load: async () => (await import('./version-verbs.js')).addVersionVerbs
    }
  ]
}

/**
 * Adds the verbs to the program.
 * @param only the one verb that is used: the others are added without their options and nothing of them is loaded
 */
export async function addVerbs(
  program: Command,
  context: VerbContext,
  only?: string
): Promise<void> {
  for (const [group, files] of Object.entries(groups)) {
    for (const { verbs, load } of files) {
      const isUsed = only === undefined || Object.hasOwn(verbs, only)
      if (isUsed) (await load())(program, context)
      for (const [name, summary] of Object.entries(verbs)) {
        const verb = isUsed ? program.commands.find((each) => each.name() === name) : undefined
        ;(verb ?? program.command(name)).summary(summary).helpGroup(group)
      }
    }
    program.commandsGroup(group)
  }
  // In the last group.
  program.helpCommand('help [command]', 'display help for command')
}
