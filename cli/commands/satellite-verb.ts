import { join } from 'node:path'
import type { Command } from 'commander'
import { bpfMount } from '../../native/pins.js'
import { type RecordMode, recordModes } from '../../satellite/recorder/record-mode.js'
import { type Floor, floors } from '../../satellite/revisions/floors.js'
import { SeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { parseAddress } from '../lib/addresses.js'
import { nodeName } from '../lib/node-name.js'
import { parseOutput } from '../lib/output-format.js'
import type { NodeOptions } from '../programs/start-node.js'
import { pathsOf, type VerbContext } from './context.js'
import {
  containerdSocketOf,
  defaultRuncRoots,
  keepUnusedOf,
  kubeletRoot,
  pinOption,
  recorderOf,
  type RuntimeOptions,
  runtimeOptions
} from './program-options.js'

interface SatelliteOptions extends RuntimeOptions {
  hub: string
  record: string
  pin: string
  clean?: boolean
  healthListen?: string
  floor: string
  tokenFile?: string
  hubCa?: string
}

/** Reads `--token-file` and `--hub-ca`, which are given together or not at all. @throws SeccoError INVALID_ARGUMENT */
function tokenOptions({ tokenFile, hubCa }: SatelliteOptions) {
  if (tokenFile === undefined && hubCa === undefined) return undefined
  if (tokenFile !== undefined && hubCa !== undefined) return { tokenFile, caFile: hubCa }
  const missing = tokenFile === undefined ? '--token-file' : '--hub-ca'
  throw new SeccoError(
    'INVALID_ARGUMENT',
    `${missing} is missing: a token is sent only to a hub whose certificate is verified`,
    {
      hint: 'give both --token-file FILE and --hub-ca FILE, or neither'
    }
  )
}

/** Adds the options of `secco satellite`. */
export function satelliteOptions(command: Command): Command {
  return runtimeOptions(command)
    .option('--hub <host:port>', 'connect to the hub at this address', '127.0.0.1:9444')
    .option(
      '--token-file <file>',
      "in a cluster: use this pod's ServiceAccount token (audience secco-hub) instead of a certificate"
    )
    .option('--hub-ca <file>', "verify the hub's certificate with these authorities (PEM)")
    .option(
      '--record <when>',
      'record always; only while a container needs it (unprofiled: denials of enforced containers are not seen); or off',
      'always'
    )
    .option(
      '--pin <dir>',
      'pin the recorder on this bpf file system, so that recording outlives a restart; off: do not pin',
      join(bpfMount, 'secco')
    )
    .option(
      '--floor <floor>',
      'reject revisions that allow more than this: approved (RuntimeDefault and what a person approved) or runtime-default',
      'approved'
    )
    .option(
      '--health-listen <host:port>',
      'serve /livez, /readyz and /metrics over plain HTTP here'
    )
    .option('--clean', 'detach and remove what earlier satellites left in --pin, then end')
}

/** Reads what `secco satellite` was called with. @throws SeccoError INVALID_ARGUMENT */
export function nodeOptions(
  options: SatelliteOptions,
  command: Command,
  context: Pick<VerbContext, 'io' | 'uid'>,
  logger: Logger
): NodeOptions {
  const { healthListen } = options
  return {
    paths: pathsOf(command, context),
    hub: options.hub,
    node: nodeName(options.node),
    seccompRoot: options.seccompRoot ?? join(kubeletRoot, 'seccomp'),
    runcRoots: options.runcRoot ?? defaultRuncRoots,
    containerdSocket: containerdSocketOf(options),
    ...recorderOf(options),
    keepUnusedMs: keepUnusedOf(options),
    record: parseOutput(options.record, recordModes, '--record') as RecordMode,
    pin: pinOption(options),
    token: tokenOptions(options),
    healthListen:
      healthListen === undefined ? undefined : parseAddress(healthListen, '--health-listen'),
    floor: parseOutput(options.floor, floors, '--floor') as Floor,
    logger
  }
}

/** Adds `secco satellite`. */
export function addSatelliteVerb(program: Command, context: VerbContext): void {
  satelliteOptions(program.command('satellite'))
    .description('run the node agent: record syscalls, identify containers, install revisions')
    .action(async (options: SatelliteOptions, command: Command) => {
      const { keepHeapSmall } = await import('../../satellite/small-heap.js')
      keepHeapSmall(process)
      const { cleanSatellite, runSatellite } = await import('../programs/satellite-program.js')
      const pin = pinOption(options)
      if (options.clean === true && pin !== undefined) {
        context.finish(cleanSatellite(context.io, pin))
        return
      }
      const { createLogger } = await import('../../src/lib/log.js')
      const args = nodeOptions(options, command, context, createLogger('satellite'))
      context.finish(await runSatellite(context.io, args, context.stopSignal()))
    })
}
