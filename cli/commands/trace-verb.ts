import type { Command } from 'commander'
import { SeccoError } from '../../src/lib/errors.js'
import { parseOutput } from '../lib/output-format.js'
import { hubOf } from './hub-of.js'
import type { TraceFormat } from '../programs/trace.js'
import { readNodeRoots } from '../lib/node-roots.js'
import { pathsOf, type VerbContext } from './context.js'
import { btfMeaning } from './program-options.js'

interface TraceOptions {
  output: string
  namespace?: string
  wait?: boolean
  runtime?: string
  root?: string
  for?: string
  allow?: string
  btf?: string
}

/** Options that only the node itself can follow. */
const onNodeOnly = ['wait', 'runtime', 'root', 'btf'] as const

/** Runs `secco trace NAMESPACE/POD[/CONTAINER]`: through the hub, on whatever node the pod is. */
async function traceByHub(
  word: string,
  options: TraceOptions,
  command: Command,
  context: VerbContext
): Promise<void> {
  const misplaced = onNodeOnly.filter((name) => options[name] !== undefined)
  if (misplaced.length > 0) {
    const list = misplaced.map((name) => `--${name}`).join(', ')
    throw new SeccoError('INVALID_ARGUMENT', `${list}: only for a container of this machine`, {
      hint: `run on its node: secco trace ${word.split('/').at(-1) ?? ''} ${list}`
    })
  }
  const { traceThroughHub } = await import('../programs/trace-by-hub.js')
  const { traceFormats } = await import('../programs/trace.js')
  const { namespace, allow, for: duration } = options
  const args = {
    container: namespace === undefined ? word : `${namespace}/${word}`,
    output: parseOutput(options.output, traceFormats) as TraceFormat,
    ...(duration === undefined ? {} : { for: duration }),
    ...(allow === undefined ? {} : { allow: allow.split(',') })
  }
  const hub = await hubOf(command, context)
  context.finish(await traceThroughHub(hub, args, context.streams, context.stopSignal()))
}

/** Adds `secco trace CONTAINER`, `secco trace NAMESPACE/POD` and `secco trace -- COMMAND…`. */
export function addTraceVerb(program: Command, context: VerbContext): void {
  program
    .command('trace')
    .usage('[options] NAMESPACE/POD[/CONTAINER] | [options] CONTAINER | [options] -- COMMAND ARG…')
    .description(
      'count the syscalls of a running pod on any node, of a container of this machine, or of a command'
    )
    .argument('[words...]')
    .option(
      '-o, --output <format>',
      'print as table, json, yaml or profile (the enforce profile, ready for runc)',
      'table'
    )
    .option('-n, --namespace <namespace>', 'use this namespace for a POD without one')
    .option('--wait', 'wait for a container that does not exist yet, and trace it from its start')
    .option('--runtime <name>', 'look in this runtime only: runc, crun, containerd, docker, podman')
    .option('--root <dir>', 'use this --root of runc, or of crun with --runtime crun')
    .option('--for <duration>', 'end after 30s, 5m, …')
    .option(
      '--allow <names>',
      'with -o profile: approve these syscalls that RuntimeDefault denies (comma-separated)'
    )
    .option('--btf <file>', btfMeaning)
    .action(async (words: string[], options: TraceOptions, self: Command) => {
      const isRemote = ['kubeconfig', 'context', 'as'].some(
        (name) => self.getOptionValueSourceWithGlobals(name) === 'cli'
      )
      const [word = ''] = words
      const isPlain = !context.argv.includes('--') && words.length === 1
      if (isPlain && (isRemote || options.namespace !== undefined || word.includes('/'))) {
        await traceByHub(word, options, self, context)
        return
      }
      if (isRemote) {
        throw new SeccoError('INVALID_ARGUMENT', 'trace takes one pod of a cluster', {
          hint: 'secco trace shop/web-0; a command runs on this machine: leave out --kubeconfig, --context and --as'
        })
      }
      const { runTrace, traceFormats } = await import('../programs/trace.js')
      const output = parseOutput(options.output, traceFormats) as TraceFormat
      const divider = context.argv.indexOf('--')
      const command = divider < 0 ? undefined : context.argv.slice(divider + 1)
      if (
        command === undefined
          ? words.length !== 1
          : command.length === 0 || words.length !== command.length
      ) {
        throw new SeccoError('INVALID_ARGUMENT', 'trace takes one container, or -- and a command', {
          hint: 'secco trace web, or secco trace -- ls -la /'
        })
      }
      const target = command === undefined ? { container: words[0] ?? '' } : { command }
      const { allow: names, ...others } = options
      const allow = names === undefined ? {} : { allow: names.split(',') }
      const { runcRoots = [] } = (await readNodeRoots(pathsOf(self, context))) ?? {}
      const args = { ...others, ...allow, ...target, output, runcRoots }
      const code = await runTrace(args, context.streams)
      context.finish(code)
    })
}
