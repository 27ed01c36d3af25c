import { machine } from 'node:os'
import type { Command } from 'commander'
import { SeccoError } from '../../src/lib/errors.js'
import { formats } from '../../src/seccomp/import/formats.js'
import type { ImportArgs } from '../profiles/import.js'
import { parseOutput } from '../lib/output-format.js'
import { forceHelp } from './change-verbs.js'
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
  force?: boolean
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
  const who = { by, at: context.now().toISOString() }
  return {
    who,
    ...(options.force === true ? { force: true } : {}),
    files: options.file,
    format: parseOutput(options.format, ['auto', ...formats], '--format') as ImportArgs['format'],
    output: parseOutput(options.output, ['yaml', 'json']) as 'yaml' | 'json',
    machine: parseOutput(options.machine, ['x86_64', 'aarch64'], '--machine'),
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(kernel === undefined ? {} : { kernel }),
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(options.approve === true
      ? { approve: { ...who, allow: options.allow?.split(',') ?? [] } }
      : {})
  }
}

/** Adds `secco import`. */
function addImport(program: Command, context: VerbContext): void {
  program
    .command('import')
    .description(
      'convert profiles and traces of other tools into profiles of Secco: YAML on stdout, losses with reasons on stderr. ' +
        'A profile (oci, docker, spo, kubelet, config.json) becomes the approved part (spec.seccomp). A trace ' +
        '(strace, strace-count, gadget) becomes status.observed; --approve states that a person has reviewed it'
    )
    .requiredOption(
      '-f, --file <file>',
      "read this file, '-' for standard input, or a folder of JSON files (a kubelet's seccomp folder); repeatable",
      collect
    )
    .option('--format <format>', `read as auto, ${formats.join(', ')}`, 'auto')
    .option('-o, --output <format>', 'print as yaml or json', 'yaml')
    .option('--name <name>', "name the profile (default: the source's own name, or its path)")
    .option(
      '-n, --namespace <namespace>',
      "place it in this namespace (default: the source's own, or default)"
    )
    .option(
      '--capabilities <names>',
      "resolve docker's conditions for these capabilities, for example CAP_NET_ADMIN,… (default: a container's)"
    )
    .option('--kernel <version>', "resolve docker's conditions for this kernel (default: 6.1)")
    .option(
      '--machine <name>',
      'name the machine that recorded the trace: x86_64 or aarch64',
      machine()
    )
    .option('--approve', 'traces: also put the observed syscalls into spec.seccomp')
    .option(
      '--allow <names>',
      'with --approve: approve also these syscalls, which RuntimeDefault denies'
    )
    .option('--apply', 'apply the result to the store (observations are added, never replaced)')
    .option('--force', forceHelp)
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

/** Adds `secco migrate`, which turns retired annotations into fields. */
function addMigrate(program: Command, context: VerbContext): void {
  program
    .command('migrate')
    .description(
      'replace retired seccomp annotations in manifests by securityContext fields: a unified diff on stdout, and what ' +
        'a person has to change on stderr. Nothing changes without --write. Exit code 0: nothing to do; ' +
        '1: something would change, or a person has to change it; 2: a file could not be read'
    )
    .option(
      '-f, --file <path>',
      'read this YAML or JSON file, or a folder of them; repeatable',
      collect
    )
    .argument('[paths...]', 'files or folders, as with -f')
    .option('--write', 'change the files (each completely or not at all)')
    .option('-o, --output <format>', 'print as diff or json', 'diff')
    .action(
      async (paths: string[], options: { file?: string[]; write?: boolean; output: string }) => {
        const { migrateFiles } = await import('../profiles/migrate.js')
        const write = options.write === true
        const files = [...(options.file ?? []), ...paths]
        if (files.length === 0) {
          throw new SeccoError('INVALID_ARGUMENT', 'nothing to read: no file or folder is named', {
            hint: 'secco migrate FILE'
          })
        }
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

/** Adds `secco import` and `secco migrate`. */
export function addImportVerbs(program: Command, context: VerbContext): void {
  addImport(program, context)
  addMigrate(program, context)
}
