import { existsSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { nodeName } from '../lib/node-name.js'
import { rootOptions } from '../lib/node-roots.js'
import type { Logger } from '../../src/lib/log.js'
import { ensureStateFolders, openInState } from '../lib/state.js'
import { parseOutput } from '../lib/output-format.js'
import { pathsOf, type VerbContext } from './context.js'
import {
  containerdSocketOf,
  defaultRuncRoots,
  kubeletRoot,
  type ListenOptions,
  listenOptions,
  keepUnusedOf,
  recorderOf,
  type RuntimeOptions,
  runtimeOptions,
  upPinOption
} from './program-options.js'

interface UpOptions extends ListenOptions, RuntimeOptions {
  pin: string
  clean?: boolean
  output: string
  once?: boolean
  walkThrough?: boolean
}

/**
 * Returns the log: on a file if there is one; with -o json on stderr, because stdout carries the line of addresses.
 */
async function loggerOn(file: FileHandle | undefined, output: string): Promise<Logger> {
  // A bundle has only the default export of a package in CommonJS that is imported on use.
  const { default: pino } = await import('pino')
  const { createRootLogger } = await import('../../src/lib/log.js')
  const fd = file?.fd ?? (output === 'json' ? 2 : undefined)
  return createRootLogger(fd === undefined ? undefined : pino.destination({ fd, sync: true }))
}

/** Adds `secco up`. */
export function addUpVerb(program: Command, context: VerbContext): void {
  const { io } = context
  runtimeOptions(listenOptions(program.command('up')))
    .description('run webhook, hub, pages and satellite on this machine, with the embedded store')
    .option('-o, --output <format>', 'print a table, or the addresses as one line of json', 'table')
    .option('--once', 'end when everything is up (and the walk-through is over)')
    .option(
      '--pin <dir>',
      'pin the recorder in this folder of a bpf file system, so that recording outlives a restart; ' +
        'auto: a folder for this state folder below /sys/fs/bpf; off: do not pin',
      'auto'
    )
    .option(
      '--clean',
      'detach and remove what earlier runs on this state folder left pinned, then end'
    )
    .option('--walk-through', 'go through the whole loop with a real container first')
    .action(async (options: UpOptions, command: Command) => {
      // Loaded on use: servers and gRPC would double the start-up time of every other verb.
      const { up } = await import('../programs/up.js')
      const paths = pathsOf(command, context)
      const pin = upPinOption(options)
      if (options.clean === true) {
        const { cleanUp } = await import('../programs/up-recorder.js')
        context.finish(cleanUp(io, { paths, pin }))
        return
      }
      await ensureStateFolders(paths, [paths.root])
      // On a terminal the log would bury the messages for the user, so it goes to a file.
      const auditFile =
        options.walkThrough === true || io.isTerminal ? join(paths.root, 'secco.log') : undefined
      const file = auditFile === undefined ? undefined : await openInState(paths, auditFile)
      const logger = await loggerOn(file, options.output)
      const args = {
        paths,
        listen: options.listen,
        hubListen: options.hubListen,
        uiListen: options.uiListen,
        node: nodeName(options.node),
        seccompRoot:
          options.seccompRoot ??
          (existsSync(kubeletRoot) && context.uid === 0 ? join(kubeletRoot, 'seccomp') : undefined),
        runcRoots: options.runcRoot ?? defaultRuncRoots,
        rootOptions: rootOptions(options),
        containerdSocket: containerdSocketOf(options),
        ...recorderOf(options),
        keepUnusedMs: keepUnusedOf(options),
        pin,
        legacyAnnotations:
          parseOutput(options.legacyAnnotations, ['on', 'off'], '--legacy-annotations') === 'on',
        user: context.user,
        output: parseOutput(options.output, ['table', 'json']) as 'table' | 'json',
        once: options.once === true,
        walkThrough: options.walkThrough === true,
        signal: context.stopSignal()
      }
      const code = await up(io, logger, args, auditFile)
      await file?.close()
      context.finish(code)
    })
}
