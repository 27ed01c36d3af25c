import type { Command } from 'commander'
import { machine } from 'node:os'
import { renderLearn } from '../../src/seccomp/render/render.js'
import { SeccoError } from '../../src/lib/errors.js'
import { printOrPut } from '../lib/into-config.js'
import type { Io } from '../lib/io.js'
import { parseOutput } from '../lib/output-format.js'
import { runRender } from '../profiles/render.js'
import type { VerbContext } from './context.js'

interface RenderOptions {
  file?: string
  mode: string
  runtime?: string
  learn?: boolean
  into?: string
}

/** `secco render`: documents in, what a runtime reads out. */
export function addRenderVerb(program: Command, context: VerbContext): void {
  program
    .command('render')
    .description('the OCI linux.seccomp JSON of a SeccompProfile document, on stdout')
    .option('-f, --file <file>', "a YAML file, '-' for standard input")
    .option('--mode <mode>', 'audit or enforce', 'enforce')
    .option(
      '--runtime <name@version>',
      'only what this runtime needs, e.g. runc@1.2.8 (default: every known one)'
    )
    .option(
      '--learn',
      'RuntimeDefault for every ABI of this machine: run a container under it to learn'
    )
    .option('--into <config.json>', "put it into linux.seccomp of a bundle's config.json instead")
    .action(async (options: RenderOptions) => {
      const { into } = options
      if (options.learn === true) {
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
      context.finish(await printOrPut(context.io, into, (io) => runRender(args, io)))
    })
}
