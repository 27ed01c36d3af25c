import { existsSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { pino } from 'pino'
import { createRootLogger } from '../../src/lib/log.js'
import { nodeName } from '../lib/node-name.js'
import { parseOutput } from '../lib/output-format.js'
import { pathsOf, type VerbContext } from './context.js'
import {
  defaultRuncRoots,
  kubeletRoot,
  type ListenOptions,
  listenOptions,
  recorderOf,
  type RuntimeOptions,
  runtimeOptions
} from './program-options.js'

interface UpOptions extends ListenOptions, RuntimeOptions {
  output: string
  once?: boolean
  walkThrough?: boolean
}

/** Returns the log destination. With -o json the log goes to stderr, because stdout carries the line of addresses. */
function logDestination(output: string) {
  return output === 'json' ? pino.destination({ fd: 2, sync: true }) : undefined
}

/** Adds `secco up`. */
export function addUpVerb(program: Command, context: VerbContext): void {
  const { io } = context
  runtimeOptions(listenOptions(program.command('up')))
    .description('run webhook, hub, pages and satellite on this machine, with the embedded store')
    .option('-o, --output <format>', 'print a table, or the addresses as one line of json', 'table')
    .option('--once', 'end when everything is up (and the walk-through is over)')
    .option('--walk-through', 'go through the whole loop with a real container first')
    .action(async (options: UpOptions, command: Command) => {
      // Loaded on use: servers and gRPC would double the start-up time of every other verb.
      const { up } = await import('../programs/up.js')
      const paths = pathsOf(command, context)
      await mkdir(paths.root, { recursive: true, mode: 0o700 })
      // On a terminal the log would bury the messages for the user, so it goes to a file.
      const auditFile =
        options.walkThrough === true || io.isTerminal ? join(paths.root, 'secco.log') : undefined
      const file = auditFile === undefined ? undefined : await open(auditFile, 'a', 0o600)
      const logger = createRootLogger(
        file === undefined
          ? logDestination(options.output)
          : pino.destination({ fd: file.fd, sync: true })
      )
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
        containerdSocket: options.containerdSocket,
        ...recorderOf(options),
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
