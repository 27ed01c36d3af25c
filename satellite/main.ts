import { readFile } from 'node:fs/promises'
import { machine, release } from 'node:os'
import { probeCapabilities, proveRecorder } from '../native/capabilities.js'
import type { Capability, NodeStatus, Observation } from '../src/api/gen/hub.js'
import { SeccoError } from '../src/lib/errors.js'
import { abisOfMachine } from '../src/syscalls/abi.js'
import { type Attachment, startAttachment } from './recorder/attachment.js'
import { openAuditLog } from './denials/audit-log.js'
import { containerdRuntime } from './containers/containerd.js'
import { dockerRuntime } from './containers/docker.js'
import { podmanRuntime } from './containers/podman.js'
import { openRegistry } from './containers/registry.js'
import { runcRuntime } from './containers/runc.js'
import { namingRunc, runcSays } from './containers/runc-version.js'
import { startInspector } from './inspector/inspector.js'
import { createLiveFeed } from './inspector/live-feed.js'
import { type LocalServer, serveLocally } from './trace/local-server.js'
import { openForSatellite } from './recorder/open-recorder.js'
import { startRecorderLoop } from './recorder/recorder-loop.js'
import type { RecorderLoop } from './recorder/recorder-loop-types.js'
import { openRevisionKeeper } from './revisions/revision-keeper.js'
import type { Satellite, SatelliteOptions, SatelliteUplink } from './satellite-types.js'
import { takeOverEarly } from './recorder/take-over.js'

export type { Satellite, UplinkEnds } from './satellite-types.js'

const versionsEveryMs = 10 * 60_000

/** A change of status (a loss, a condition) reaches the hub after at most this long. */
const statusEveryMs = 5000

/** How often the calls of every container are counted anew for the hub's simulations. */
const countEveryMs = 300_000

/** What is in use says more than the trial before it. */
function newestOf(capabilities: readonly Capability[]): Capability[] {
  return [...new Map(capabilities.map((one) => [one.name, one])).values()]
}

/** Promise.withResolvers() of later Nodes. */
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

/**
 * Starts this node's agent. Where nothing can be traced it still delivers revisions, and says why in
 * its status. `close()` takes a last look at every container, sends it, and stops.
 * @throws SeccoError RECORDER_IN_USE when another satellite has the pins.
 */
export async function startSatellite(options: SatelliteOptions): Promise<Satellite> {
  const { logger, node } = options
  const abis = abisOfMachine(machine())
  const [abi] = abis
  if (abi === undefined) {
    throw new SeccoError('TRACING_UNAVAILABLE', `no syscall table for ${machine()}`)
  }
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  const registry = openRegistry(
    [
      runcRuntime(options.runcRoots),
      containerdRuntime(options.containerdSocket),
      dockerRuntime(),
      podmanRuntime()
    ],
    logger
  )
  const record = options.record ?? 'always'
  let loop: RecorderLoop | undefined
  let attachment: Attachment | undefined
  let local: LocalServer | undefined
  let uplink: SatelliteUplink | undefined
  const keeper = await openRevisionKeeper({
    root: options.seccompRoot,
    logger,
    ...(options.floor === undefined ? {} : { floor: options.floor }),
    containers: () => registry.all(),
    onStatus: (status) => uplink?.report(status)
  })

  const feed = createLiveFeed({
    send: (message) => uplink?.tell?.(message) ?? false,
    list: () => inspector.list()
  })
  const inspector = startInspector({
    ...{ registry, abis, logger, seccompRoot: options.seccompRoot },
    holding: () => keeper.holding(),
    onChange: (changed, gone) => feed.changed(changed, gone)
  })

  const opened = await openForSatellite(record, options, logger).catch(async (error: unknown) => {
    await inspector.close()
    await keeper.close()
    registry.close()
    throw error
  })
  // Before anybody takes its slots: the children of the trials are nobody's containers. What is to be attached
  // only when it is needed is not attached for that.
  const toAttach = record === 'always' ? opened.recorder : undefined
  const missed = toAttach === undefined ? 0 : takeOverEarly(toAttach, logger)
  const proof = toAttach === undefined ? undefined : await proveRecorder(toAttach)
  const probed = await probeCapabilities(proof, options.btf)
  const audit = opened.recorder === undefined ? undefined : await openAuditLog()
  let { reason } = opened
  const attached = (): boolean => opened.recorder?.attached ?? false

  const [found, runc] = await Promise.all([registry.versions(), runcSays()])
  let runtimes = namingRunc(found)
  let { libseccomp } = runc
  const versions = setInterval(() => {
    Promise.all([registry.versions(), runcSays()]).then(
      ([found, runc]) => {
        runtimes = namingRunc(found)
        libseccomp = runc.libseccomp
      },
      (error: unknown) =>
        logger.warn({ err: error }, 'runtimes could not be asked for their versions')
    )
  }, versionsEveryMs)
  versions.unref()

  const status = (): NodeStatus => ({
    kernel: release(),
    arch: machine(),
    runtimes,
    hook: loop === undefined ? '' : (opened.recorder?.hook ?? ''),
    tracingUnavailable: reason,
    losses: loop?.losses(),
    conditions: [
      ...(loop?.conditions() ?? []),
      ...keeper.conditions(),
      ...(uplink?.conditions?.() ?? [])
    ],
    libseccomp,
    seccompRoot: options.seccompRoot,
    abis,
    capabilities: newestOf([
      ...probed,
      ...opened.capabilities,
      ...(audit === undefined ? [] : [audit.capability()])
    ]),
    record,
    attached: attached()
  })

  if (opened.recorder !== undefined) {
    try {
      const early: Observation[] = []
      const linked = withResolvers<SatelliteUplink>()
      loop = await startRecorderLoop({
        recorder: opened.recorder,
        registry,
        node,
        bootId,
        machine: abi,
        logger,
        held: () => keeper.held(),
        ...(audit === undefined ? {} : { audited: audit.calls }),
        attach: record === 'always',
        ...(proof?.test === undefined ? {} : { tested: proof.test }),
        durable: async () => (await linked.promise).durable(),
        onNamed: (container) => attachment?.named(container),
        missed: () => missed + (attachment?.missed() ?? 0),
        givenUp: () => uplink?.backlog?.().dropped ?? 0,
        onRefused: (calls) => feed.refused(calls),
        onObservation: (observation) => {
          feed.observed(observation)
          if (uplink === undefined) early.push(observation)
          else uplink.offer(observation)
          local?.accept(observation)
        }
      })
      uplink = await connect()
      for (const observation of early) uplink.offer(observation)
      linked.resolve(uplink)
      if (record !== 'off') {
        attachment = startAttachment({
          mode: record,
          ...{ loop, attached, registry, logger },
          held: () => keeper.held(),
          onChange: () => uplink?.statusChanged(),
          ...(options.lingerMs === undefined ? {} : { lingerMs: options.lingerMs })
        })
      }
    } catch (error) {
      if (loop !== undefined) throw error
      opened.recorder.stop()
      reason = error instanceof Error ? error.message : String(error)
    }
  }
  if (reason !== '') logger.warn({ reason }, 'nothing can be traced here')
  uplink ??= await connect()
  void inspector.scan()
  if (options.socketPath !== undefined) {
    local = await serveLocally({
      socketPath: options.socketPath,
      logger,
      loop,
      hold: async () => (await attachment?.hold()) ?? (() => undefined),
      unavailable: reason
    })
  }

  /** What a hub keeps in memory only begins with each connection. */
  function welcomed(): void {
    feed.welcome()
    loop?.refusedAgain()
  }

  async function connect(): Promise<SatelliteUplink> {
    return options.connect({
      onRevision: (revision) => keeper.install(revision),
      onDesired: (revisions) => keeper.desire(revisions),
      status,
      holding: () => keeper.holding(),
      onWelcome: welcomed,
      onRoom: (ids) => loop?.again(ids)
    })
  }

  const link = uplink
  const watching = setInterval(() => link.statusChanged(), statusEveryMs)
  watching.unref()
  // What containers use grows without being said: new calls are, more of the same are not.
  const counting = setInterval(() => {
    void loop?.current().then((all) => {
      for (const observation of all) feed.observed(observation)
    })
  }, countEveryMs)
  counting.unref()
  if (uplink.connected) welcomed()
  let closing: Promise<void> | undefined
  const close = async (keep: boolean): Promise<void> => {
    clearInterval(versions)
    clearInterval(watching)
    clearInterval(counting)
    await inspector.close()
    await local?.close()
    await attachment?.close()
    await loop?.stop({ keep })
    await audit?.stop()
    await link.flush()
    await link.close()
    await keeper.close()
    registry.close()
  }
  return {
    status,
    registry,
    current: async () => (await loop?.current()) ?? [],
    running: () => inspector.list(),
    get connected() {
      return link.connected
    },
    flush: () => link.flush(),
    close: ({ keep = false } = {}) => {
      closing ??= close(keep)
      return closing
    }
  }
}
