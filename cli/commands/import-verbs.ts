import { machine } from 'node:os'
import type { Command } from 'commander'
import { SeccoError } from '../../src/lib/errors.js'
import { formats } from '../../src/seccomp/import/detect.js'
import type { ImportArgs } from '../profiles/import.js'
import { parseOutput } from '../lib/output-format.js'
import type { VerbContext } from './context.js'
import { withChanges } from './who-acts.js'

interface ImportOptions {
  file: string[]
  format: string
  output: string
  name?: string
  namespace?: string
  capabilities?: string
  kernel?: string
  machine: string
  approve?: boolean
  allow?: string
  apply?: boolean
}

const collect = (value: string, before: string[] | undefined) => [...(before ?? []), value]

function capabilitiesOf(text: string | undefined): string[] | undefined {
  if (text === undefined) return undefined
  const names = text.split(',').filter((name) => name !== '')
  const wrong = names.find((name) => !/^CAP_[A-Z_]{2,32}$/.test(name))
  if (wrong === undefined) return names
  throw new SeccoError('INVALID_ARGUMENT', `--capabilities ${wrong}: is no capability`, {
    hint: 'write for example --capabilities CAP_NET_ADMIN,CAP_SYS_PTRACE'
  })
}

function importArgs(options: ImportOptions, context: VerbContext, by: string): ImportArgs {
  const { name, namespace, kernel } = options
  const capabilities = capabilitiesOf(options.capabilities)
  if (options.allow !== undefined && options.approve !== true) {
    throw new SeccoError('INVALID_ARGUMENT', '--allow approves names, and nothing is approved', {
      hint: 'add --approve'
    })
  }
  if (kernel !== undefined && !/^\d+\.\d+/.test(kernel)) {
    throw new SeccoError('INVALID_ARGUMENT', `--kernel ${kernel}: is no kernel version`, {
      hint: 'write for example --kernel 6.1'
    })
  }
  const approve = {
    by,
    at: context.now().toISOString(),
    allow: options.allow?.split(',') ?? []
  }
  return {
    files: options.file,
    format: parseOutput(options.format, ['auto', ...formats], '--format') as ImportArgs['format'],
    output: parseOutput(options.output, ['yaml', 'json']) as 'yaml' | 'json',
    machine: parseOutput(options.machine, ['x86_64', 'aarch64'], '--machine'),
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(kernel === undefined ? {} : { kernel }),
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(options.approve === true ? { approve } : {})
  }
}

/** `secco import`: profiles and traces of other tools. */
export function addImportVerb(program: Command, context: VerbContext): void {
  program
    .command('import')
    .description(
      'profiles and traces of other tools as profiles of Secco: YAML on stdout, what was lost and why on stderr. A profile (oci, docker, spo, kubelet, config.json) becomes the approved part (spec.seccomp); a trace (strace, strace-count, gadget) is evidence only and becomes status.observed, unless --approve says that a person has looked at it'
    )
    .requiredOption(
      '-f, --file <file>',
      "a file, '-' for standard input, or a folder of JSON files (a kubelet's seccomp folder); repeatable",
      collect
    )
    .option('--format <format>', `auto, ${formats.join(', ')}`, 'auto')
    .option('-o, --output <format>', 'yaml or json', 'yaml')
    .option('--name <name>', "name of the profile (default: the source's own, or its path)")
    .option('-n, --namespace <namespace>', "its namespace (default: the source's own, or default)")
    .option(
      '--capabilities <names>',
      "decide docker's conditions for these, e.g. CAP_NET_ADMIN,… (default: a container's)"
    )
    .option('--kernel <version>', "decide docker's conditions for this kernel (default: 6.1)")
    .option('--machine <name>', 'x86_64 or aarch64: where it was recorded', machine())
    .option('--approve', 'traces: put what was seen into spec.seccomp, too')
    .option('--allow <names>', 'with --approve: these, although RuntimeDefault refuses them')
    .option('--apply', 'put the result into the store (observations are added, never replaced)')
    .action(async (options: ImportOptions, command: Command) => {
      const { importFiles } = await import('../profiles/import.js')
      const { io, user } = context
      const args = importArgs(options, context, user)
      if (options.apply !== true) {
        context.finish(await importFiles(io, undefined, args))
        return
      }
      await withChanges(command, context, (store, by) =>
        importFiles(io, store, importArgs(options, context, by))
      )
    })
}

/** `secco migrate`: retired annotations become fields. */
export function addMigrateVerb(program: Command, context: VerbContext): void {
  program
    .command('migrate')
    .description(
      'retired seccomp annotations in manifests of pods and workloads become securityContext fields: a unified diff on stdout, and what is left for a person on stderr. Nothing changes without --write. Exit code 0: nothing to do; 1: something would change, or is left for a person; 2: a file could not be read'
    )
    .requiredOption(
      '-f, --file <path>',
      'a YAML or JSON file, or a folder of them; repeatable',
      collect
    )
    .argument('[paths...]', 'more of them')
    .option('--write', 'change the files (each whole or not at all)')
    .option('-o, --output <format>', 'diff or json', 'diff')
    .action(
      async (paths: string[], options: { file: string[]; write?: boolean; output: string }) => {
        const { migrateFiles } = await import('../profiles/migrate.js')
        const write = options.write === true
        const files = [...options.file, ...paths]
        if (write && files.includes('-')) {
          throw new SeccoError('INVALID_ARGUMENT', 'standard input cannot be written to', {
            hint: 'leave --write out, and apply the diff with patch(1)'
          })
        }
        const output = parseOutput(options.output, ['diff', 'json']) as 'diff' | 'json'
        context.finish(await migrateFiles(context.io, { files, write, output }))
      }
    )
}
