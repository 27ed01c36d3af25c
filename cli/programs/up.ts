import { rm } from 'node:fs/promises'
import { machine } from 'node:os'
import { join } from 'node:path'
import { probeTracing } from '../../native/recorder.js'
import type { Pinning } from '../../native/types.js'
import type { Hub } from '../../webhook/hub/hub.js'
import { startWebhook } from '../../webhook/main.js'
import { type Address, hostPort, type RunningWebhook } from '../../webhook/webhook-options.js'
import type { Logger } from '../../src/lib/log.js'
import { ownIdentity } from '../../src/lib/process-identity.js'
import { openDirectoryStore } from '../../src/store/directory.js'
import { ensureFolder, writeDurable } from '../../src/lib/durable-file.js'
import { toSeccoError } from '../../src/lib/errors.js'
import type { Store } from '../../src/store/store.js'
import { parseAddress, parseLoopback } from '../lib/addresses.js'
import { type Io, paint } from '../lib/io.js'
import { nodeName } from '../lib/node-name.js'
import { type RunningNode, startNode } from './start-node.js'
import { printKept } from './pinned-recorder.js'
import { choosePin, pinOwner, printPinning, type UpPin, withoutPins } from './up-recorder.js'
import {
  type Addresses,
  ensureRunnable,
  ensureSocketPath,
  ensureStateFolders,
  ensureUiToken,
  type StatePaths
} from '../lib/state.js'
import { fetchServer, removeExample, walkThrough } from '../walk-through/walk.js'

interface UpArgs {
  paths: StatePaths
  listen: string
  hubListen: string
  uiListen: string
  node: string
  seccompRoot: string | undefined
  runcRoots: readonly string[]
  rootOptions?: string
  containerdSocket: string | undefined
  /** As in NodeOptions. */
  slots?: number | undefined
  btf?: string | undefined
  keepUnusedMs?: number | undefined
  pin: UpPin
  legacyAnnotations: boolean
  /** User of the printed link. */
  user: string
  output: 'table' | 'json'
  /** End after everything is up (and walked through, when asked). */
  once: boolean
  walkThrough: boolean
  /** Aborted on SIGINT and SIGTERM. */
  signal: AbortSignal
}

type WholeWebhook = RunningWebhook & {
  hub: Hub
  addresses: { hub: Address; ui: Address }
}

/** Returns true for a webhook with every role. */
function isWhole(webhook: RunningWebhook): webhook is WholeWebhook {
  const { hub, ui } = webhook.addresses
  return webhook.hub !== undefined && hub !== undefined && ui !== undefined
}

interface Running {
  store: Store
  webhook: WholeWebhook
  satellite: RunningNode
  seccompRoot: string
  runcRoots: readonly string[]
}

/** Ends a part. @param failed the programs could not all be started */
type Closer = (failed: boolean) => Promise<void>

/**
 * Returns what ends the satellite. SIGTERM restarts or upgrades a service: its recorder goes on for the next one, as
 * does one that a start which failed had adopted. Ctrl-C ends everything, also when it is pressed twice, which ends the
 * process at once.
 */
function endingOf(args: UpArgs, satellite: RunningNode, logger: Logger): Closer {
  const atExit = () => {
    if (args.signal.reason !== 'SIGINT') return
    satellite.abandon()
    withoutPins(args, logger)
  }
  process.once('exit', atExit)
  return async (failed) => {
    const keep = failed
      ? satellite.pinning?.adopted === true
      : args.signal.reason === 'SIGTERM' && !args.once
    await satellite.close({ keep })
    if (!keep) withoutPins(args, logger)
    process.removeListener('exit', atExit)
  }
}

async function startAll(args: UpArgs, logger: Logger, closers: Closer[]): Promise<Running> {
  const { paths } = args
  const { root, objects, revisions, spool } = paths
  await ensureStateFolders(paths, [root, objects, revisions, spool])
  const store = await openDirectoryStore(paths.objects)
  closers.push(() => store.close())
  const listen = parseAddress(args.listen, '--listen')
  const webhook = await startWebhook({
    store,
    certsDir: paths.certs,
    revisionsDir: paths.revisions,
    serverNames: [
      ...new Set([
        ...['localhost', '127.0.0.1', '::1', nodeName(undefined)],
        ...(listen.host === '0.0.0.0' ? [] : [listen.host])
      ])
    ],
    listen,
    hubListen: parseAddress(args.hubListen, '--hub-listen'),
    uiListen: parseLoopback(args.uiListen, '--ui-listen'),
    uiToken: await ensureUiToken(paths),
    commandOptions: paths.option,
    legacyAnnotations: args.legacyAnnotations,
    ownNode: args.node,
    logger
  })
  closers.push(() => webhook.close())
  if (!isWhole(webhook)) throw new Error('started without a hub')
  const seccompRoot = args.seccompRoot ?? paths.seccomp
  const runcRoots = [...args.runcRoots, join(paths.root, 'runc')]
  const pin = choosePin(args, logger)
  const satellite = await startNode({
    paths,
    hub: hostPort({ host: '127.0.0.1', port: webhook.addresses.hub.port }),
    node: args.node,
    ...{ seccompRoot, runcRoots, rootOptions: args.rootOptions },
    containerdSocket: args.containerdSocket,
    record: 'always',
    ...{ pin, slots: args.slots, btf: args.btf, keepUnusedMs: args.keepUnusedMs },
    logger: logger.child({ component: 'satellite' })
  })
  closers.push(endingOf(args, satellite, logger))
  // The satellite ends when the hub has acked its last observations, which would wait for their turn.
  closers.push(() => webhook.hub.hurry())
  return { store, webhook, satellite, seccompRoot, runcRoots }
}

function addressesOf(running: Running): Addresses {
  const { webhook, hub, ui } = running.webhook.addresses
  return {
    pid: process.pid,
    webhook: `https://${hostPort(webhook)}`,
    hub: hostPort(hub),
    ui: `http://${hostPort(ui)}`,
    caBundle: Buffer.from(running.webhook.ca).toString('base64')
  }
}

/** Waits until this node is connected to the hub. */
async function untilConnected(running: Running, signal: AbortSignal): Promise<void> {
  const { hub } = running.webhook
  const connected = () => hub.nodes().some((node) => node.connected)
  if (connected()) return
  await new Promise<void>((resolve) => {
    const leave = hub.onChange(() => {
      if (connected()) done()
    })
    const done = () => {
      leave()
      clearTimeout(limit)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const limit = setTimeout(done, 10_000)
    signal.addEventListener('abort', done)
    if (connected()) done()
  })
}

async function walk(args: UpArgs, running: Running, io: Io): Promise<Closer> {
  const cache = join(args.paths.root, 'cache')
  const rootfs = await fetchIfPossible(args, cache, io)
  if (rootfs === undefined) return () => Promise.resolve()
  const work = join(args.paths.root, 'walk-through')
  await rm(work, { recursive: true, force: true })
  await ensureFolder(work)
  let number = 0
  return walkThrough({
    store: running.store,
    ...{ cache, rootfs, work },
    runcRoot: join(args.paths.root, 'runc'),
    seccompRoot: running.seccompRoot,
    webhook: {
      url: `https://localhost:${running.webhook.addresses.webhook.port}`,
      ca: running.webhook.ca
    },
    machine: machine(),
    signal: args.signal,
    print: (line) => io.stderr(`     ${line}\n`),
    step: (title) => {
      number += 1
      io.stderr(`${paint(io, 'bold', `  ${number}. ${title}`)}\n`)
    }
  })
}

/** Returns the folder of the walk-through's server, or undefined if it cannot be fetched; with --once that is an error. */
async function fetchIfPossible(args: UpArgs, cache: string, io: Io): Promise<string | undefined> {
  try {
    return await fetchServer(cache, (line) => io.stderr(`     ${line}\n`))
  } catch (error) {
    const { code, message, hint } = toSeccoError(error)
    const isMissing = code === 'UNAVAILABLE' || code === 'COMMAND_NOT_STARTED'
    if (!isMissing || args.once || args.signal.aborted) throw error
    io.stderr(`The walk-through is skipped: ${message}\n  next: ${hint}\n`)
    return undefined
  }
}

function announce(io: Io, args: UpArgs, running: Running, auditFile: string | undefined): void {
  const addresses = addressesOf(running)
  if (args.output === 'json') {
    const record = {
      ...addresses,
      link: `${addresses.ui}${running.webhook.link(args.user) ?? '/'}`,
      ...{ state: args.paths.root, seccompRoot: running.seccompRoot },
      ...{ satellite: args.paths.satelliteSocket, pin: running.satellite.pinning?.folder ?? '' },
      adopted: running.satellite.pinning?.adopted ?? false
    }
    io.stdout(`${JSON.stringify(record)}\n`)
    return
  }
  io.stderr(`webhook    ${addresses.webhook}/mutate   (/livez /readyz /metrics)\n`)
  io.stderr(`hub        ${addresses.hub}   (gRPC, mutual TLS)\n`)
  io.stderr(`pages      ${addresses.ui}${running.webhook.link(args.user) ?? '/'}\n`)
  io.stderr(
    `           (opens one session, once; another: secco ui link; API ${addresses.ui}/openapi.json)\n`
  )
  io.stderr(`state      ${args.paths.root}   seccomp files below ${running.seccompRoot}\n`)
  io.stderr(
    `audit      one JSON line per decision ${auditFile === undefined ? 'on stdout' : `in ${auditFile}`}\n`
  )
}

/** `secco up`: runs webhook, hub, pages and satellite in one process, with the embedded store. */
export async function up(
  io: Io,
  logger: Logger,
  args: UpArgs,
  auditFile: string | undefined
): Promise<number> {
  ensureSocketPath(args.paths)
  await ensureRunnable(args.paths)
  const tracing = probeTracing(args.btf)
  const closers: Closer[] = []
  let pinning: Pinning | undefined
  let failed = false
  try {
    const runcRoot = join(args.paths.root, 'runc')
    // Left by a walk-through that was killed; without its bundle it cannot be started again.
    for (const name of await removeExample(runcRoot))
      io.stderr(`removed ${name}, a container of a walk-through that was killed\n`)
    const running = await startAll(args, logger, closers)
    pinning = running.satellite.pinning
    await untilConnected(running, args.signal)
    const addresses = { ...addressesOf(running), identity: ownIdentity() }
    await writeDurable(args.paths.addresses, `${JSON.stringify(addresses)}\n`)
    closers.push(() => rm(args.paths.addresses, { force: true }))
    announce(io, args, running, auditFile)
    printPinning(io, args, pinning)
    if (!tracing.available) {
      io.stderr(
        `Containers of this machine cannot be traced: ${tracing.reason ?? 'no reason was given'}. Everything else runs.\n`
      )
    }
    if (args.walkThrough) {
      if (tracing.available) closers.push(await walk(args, running, io))
      else io.stderr('The walk-through is skipped: it needs to trace a container.\n')
    }
    if (args.once) return 0
    if (!args.signal.aborted) {
      io.stderr('Running. Ctrl-C stops everything.\n')
      await new Promise<void>((resolve) =>
        args.signal.addEventListener('abort', () => resolve(), { once: true })
      )
    }
    io.stderr('Stopping …\n')
    return 0
  } catch (error) {
    if (args.signal.aborted) return 0
    failed = true
    throw error
  } finally {
    for (const close of closers.reverse()) await close(failed)
    printKept(io, pinning, pinOwner(args))
  }
}
