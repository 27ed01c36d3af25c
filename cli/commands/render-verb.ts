import type { Command } from 'commander'
import { machine } from 'node:os'
import { SeccoError } from '../../src/lib/errors.js'
import type { Io } from '../lib/io.js'
import { parseOutput } from '../lib/output-format.js'
import type { VerbContext } from './context.js'

interface RenderOptions {
  file?: string
  mode: string
  runtime?: string
  learn?: boolean
  into?: string
}

/** Adds `secco render`, which prints what a runtime reads. */
export function addRenderVerb(program: Command, context: VerbContext): void {
  program
    .command('render')
    .description('print the OCI linux.seccomp JSON of a SeccompProfile document')
    .option('-f, --file <file>', "read this YAML file, '-' for standard input")
    .option('--mode <mode>', 'render for audit or enforce', 'enforce')
    .option(
      '--runtime <name@version>',
      'add only what this runtime needs, for example runc@1.2.8 (default: every known runtime)'
    )
    .option(
      '--learn',
      'print RuntimeDefault for every ABI of this machine, for containers that are learned'
    )
    .option(
      '--into <config.json>',
      'write it into linux.seccomp of this config.json of a bundle instead'
    )
    .action(async (options: RenderOptions) => {
      const { into } = options
      const { printOrPut } = await import('../lib/into-config.js')
      if (options.learn === true) {
        const { renderLearn } = await import('../../src/seccomp/render/render.js')
        const print = (io: Io) => {
          io.stdout(`${renderLearn(machine()).json}\n`)
          return Promise.resolve(0)
        }
        context.finish(await printOrPut(context.io, into, print))
        return
      }
      if (options.file === undefined) {
        throw new SeccoError('INVALID_ARGUMENT', 'render: no document was named', {
          hint: 'name one with -f FILE, or use --learn'
        })
      }
      const mode = parseOutput(options.mode, ['audit', 'enforce'], '--mode') as 'audit' | 'enforce'
      const args = {
        ...{ file: options.file, mode },
        ...(options.runtime === undefined ? {} : { runtime: options.runtime })
      }
      const { runRender } = await import('../profiles/render.js')
      context.finish(await printOrPut(context.io, into, (io) => runRender(args, io)))
    })
}
