import type { Command } from 'commander'
import { SeccoError } from '../../src/lib/errors.js'
import { parseOutput } from '../lib/output-format.js'
import type { VerbContext } from './context.js'

type Format = 'table' | 'json' | 'yaml'
const formats = ['table', 'json', 'yaml'] as const

function parseRuns(text: string): number {
  const runs = Number(text)
  if (/^\d+$/.test(text) && runs >= 1 && runs <= 1000) return runs
  throw new SeccoError('INVALID_ARGUMENT', `--runs ${text}: must be a number from 1 to 1000`)
}

const collect = (value: string, list: string[]): string[] => [...list, value]

/** `secco base show|measure`. */
export function addBaseVerbs(program: Command, context: VerbContext): void {
  const base = program
    .command('base')
    .description('syscalls that a container needs whatever its application is')
  base
    .command('show')
    .description('each name of the base with its reason and source')
    .option('--runtime <name[@version]>', 'only for this runtime, e.g. runc@1.3 (default: all)')
    .option('-o, --output <format>', 'table, json or yaml', 'table')
    .action(async (options: { runtime?: string; output: string }) => {
      const { showBase } = await import('../base/base.js')
      const output = parseOutput(options.output, formats) as Format
      context.finish(showBase(context.io, { runtime: options.runtime, output }))
    })
  base
    .command('measure')
    .description(
      'start containers here and compare what the runtime asks for with the shipped base'
    )
    .requiredOption('--runtime <name>', 'runc or crun')
    .option('--runs <n>', 'starts for each of the eight settings', '10')
    .option('--binary <path>', "the runtime's program, when it is not on PATH")
    .option('--flag <flag>', 'an argument before its verb, may be repeated', collect, [])
    .option('-o, --output <format>', 'table, json or yaml', 'table')
    .action(
      async (options: {
        runtime: string
        runs: string
        binary?: string
        flag: string[]
        output: string
      }) => {
        const { measureCommand } = await import('../base/base.js')
        context.finish(
          await measureCommand(context.io, {
            runtime: options.runtime,
            binary: options.binary,
            flags: options.flag,
            runs: parseRuns(options.runs),
            output: parseOutput(options.output, formats) as Format,
            signal: context.stopSignal()
          })
        )
      }
    )
}
