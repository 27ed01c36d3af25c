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

/** Adds `secco base show` and `secco base measure`. */
export function addBaseVerbs(program: Command, context: VerbContext): void {
  const base = program
    .command('base')
    .description(
      'list or measure the syscalls that every container needs, whatever its application'
    )
  base
    .command('show')
    .description('list each syscall of the base with its reason and source')
    .option(
      '--runtime <name[@version]>',
      'show only this runtime, for example runc@1.3 (default: all)'
    )
    .option('-o, --output <format>', 'print as table, json or yaml', 'table')
    .action(async (options: { runtime?: string; output: string }) => {
      const { showBase } = await import('../base/base.js')
      const output = parseOutput(options.output, formats) as Format
      context.finish(showBase(context.io, { runtime: options.runtime, output }))
    })
  base
    .command('measure')
    .description('start containers here and compare the calls of the runtime with the shipped base')
    .requiredOption('--runtime <name>', 'measure runc or crun')
    .option('--runs <n>', 'start this many containers for each of the eight settings', '10')
    .option('--binary <path>', 'run this program of the runtime, when it is not on PATH')
    .option(
      '--flag <flag>',
      'pass this argument before the verb of the runtime; repeatable',
      collect,
      []
    )
    .option('-o, --output <format>', 'print as table, json or yaml', 'table')
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
