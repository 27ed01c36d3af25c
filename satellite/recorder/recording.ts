import { probeCapabilities, proveRecorder } from '../../native/capabilities.js'
import type { Pinning, Recorder } from '../../native/types.js'
import type {
  Capability,
  Condition,
  Losses,
  Observation,
  RecordingGap
} from '../../src/api/gen/hub.js'
import type { Logger } from '../../src/lib/log.js'
import type { Abi } from '../../src/syscalls/abi.js'
import type { ContainerRegistry } from '../containers/registry.js'
import type { Container } from '../containers/runtime.js'
import { type AuditLog, openAuditLog } from '../denials/audit-log.js'
import { bootId } from '../lib/boot-id.js'
import { attachEarly } from './adoption.js'
import { Attachment } from './attachment.js'
import { RecordingGaps } from './recording-gaps.js'
import { openForSatellite, type RecorderPlace } from './open-recorder.js'
import type { RecordMode } from './record-mode.js'
import { type RecorderLoop, type RecorderLoopOptions, startRecorderLoop } from './recorder-loop.js'

interface RecordingOptions extends Pick<RecorderLoopOptions, 'onDenials'> {
  record: RecordMode
  place: RecorderPlace
  registry: ContainerRegistry
  node: string
  machine: Abi
  logger: Logger
  /** Digests of the revisions on this node. */
  held: () => ReadonlySet<string>
  durable: () => Promise<void>
  givenUp: () => number
  /** File about when this node recorded; without it gaps are not known. */
  gapsFile?: string | undefined
  /** Called after the recorder was attached or detached. */
  onChange: () => void
  lingerMs?: number | undefined
}

type Proof = Awaited<ReturnType<typeof proveRecorder>>

/** What was opened and found out before the recorder loop starts. */
interface Opened {
  recorder: Recorder | undefined
  /** Why there is no recorder. */
  problem: string
  capabilities: readonly Capability[]
  proof: Proof | undefined
  audit: AuditLog | undefined
  unread: number
}

/** The newest entry of each name: a capability that is in use is later and more precise than its probe. */
function newestOf(capabilities: readonly Capability[]): Capability[] {
  return [...new Map(capabilities.map((one) => [one.name, one])).values()]
}

/**
 * Opens the recorder, removes leftovers and proves the recorder. That has to happen before anyone reads its slots:
 * the children of the trials belong to no container. A recorder that is attached only when it is needed is not
 * attached for a proof. If nothing can be traced, `problem` says why.
 * @throws SeccoError RECORDER_IN_USE
 */
export async function openRecording(options: RecordingOptions): Promise<Recording> {
  const { record, place, logger } = options
  const { recorder, reason, capabilities } = await openForSatellite(record, place, logger)
  const attached = record === 'always' ? recorder : undefined
  const unread = attached === undefined ? 0 : attachEarly(attached, logger)
  const proof = attached === undefined ? undefined : await proveRecorder(attached)
  const probed = await probeCapabilities(proof, place.btf)
  const audit = recorder === undefined ? undefined : await openAuditLog()
  return new Recording(options, {
    recorder,
    problem: reason,
    capabilities: [...probed, ...capabilities],
    proof,
    audit,
    unread
  })
}

/** Recording owns the recorder of a satellite: its loop, its attachment and the audit log. */
export class Recording {
  readonly #options: RecordingOptions
  readonly #opened: Opened
  readonly #listeners: ((observation: Observation) => void)[] = []
  #problem: string
  readonly #gaps: RecordingGaps | undefined
  #loop: RecorderLoop | undefined
  #attachment: Attachment | undefined

  constructor(options: RecordingOptions, opened: Opened) {
    this.#options = options
    this.#opened = opened
    this.#problem = opened.problem
    const { gapsFile, logger } = options
    if (gapsFile !== undefined)
      this.#gaps = new RecordingGaps({ path: gapsFile, bootId: bootId(), logger })
  }

  /** Why nothing can be traced; empty if it can. */
  get problem(): string {
    return this.#problem
  }

  /** The kernel hook in use; empty without a recorder. */
  get hook(): string {
    return this.#loop === undefined ? '' : (this.#opened.recorder?.hook ?? '')
  }

  get attached(): boolean {
    return this.#opened.recorder?.attached ?? false
  }

  /** Undefined without a recorder. */
  get pinning(): Pinning | undefined {
    return this.#loop === undefined ? undefined : this.#opened.recorder?.pinning
  }

  capabilities(): Capability[] {
    const { capabilities, audit } = this.#opened
    return newestOf([...capabilities, ...(audit === undefined ? [] : [audit.capability()])])
  }

  conditions(): Condition[] {
    return this.#loop?.conditions() ?? []
  }

  /** When nothing was recorded although it should have been. */
  gaps(): RecordingGap[] {
    return this.#gaps?.list() ?? []
  }

  /** Undefined if nothing can be traced. */
  losses(): Losses | undefined {
    return this.#loop?.losses()
  }

  /** Observations of every container as of now. @param only limits them to some containers */
  async current(only?: (container: Container) => boolean): Promise<Observation[]> {
    return (await this.#loop?.current(only)) ?? []
  }

  /** Calls `listener` with each observation. */
  onObservation(listener: (observation: Observation) => void): void {
    this.#listeners.push(listener)
  }

  /** Sends what changed until now of every container. */
  async collect(): Promise<void> {
    await this.#loop?.collect()
  }

  /** Sends observations again, because they were lost. @param ids of observations */
  resend(ids: readonly string[]): void {
    this.#loop?.resend(ids)
  }

  /** Reports all denials of running containers: a new hub knows none of them. */
  resendDenials(): void {
    this.#loop?.resendDenials()
  }

  /** Starts the recorder loop. If that fails, `problem` says why, and the satellite continues without recording. */
  async start(): Promise<void> {
    const { recorder, audit, proof, unread } = this.#opened
    if (recorder === undefined) return
    try {
      this.#loop = await startRecorderLoop({
        ...this.#options,
        recorder,
        bootId: bootId(),
        audited: audit?.calls,
        attach: this.#options.record === 'always',
        tested: proof?.test,
        onNamed: (container) => this.#attachment?.named(container),
        missed: () => unread + (this.#attachment?.missed() ?? 0),
        onObservation: (observation) => {
          for (const listener of this.#listeners) listener(observation)
        }
      })
      const { adopted, folder } = recorder.pinning
      // Otherwise it is detached on purpose now and then.
      if (this.#options.record === 'always')
        this.#gaps?.attached({ adopted, pinned: folder !== undefined })
    } catch (error) {
      recorder.stop()
      this.#problem = error instanceof Error ? error.message : String(error)
    }
  }

  /** Attaches and detaches the recorder as the record mode says, from now on. */
  attachAsNeeded(): void {
    const { record, registry, held, logger, onChange, lingerMs } = this.#options
    if (this.#loop === undefined || record === 'off') return
    this.#attachment = new Attachment({
      mode: record,
      loop: this.#loop,
      attached: () => this.attached,
      registry,
      held,
      logger,
      onChange,
      lingerMs
    })
  }

  /** Resolves when the recorder is attached; it stays so until the returned function is called. */
  async hold(): Promise<() => void> {
    return (await this.#attachment?.hold()) ?? (() => undefined)
  }

  /** Detaches at once, and removes the pins; nothing is observed any more. */
  abandon(): void {
    this.#opened.recorder?.stop()
  }

  /** Observes every container a last time and stops. With `keep`, pinned programs continue to record. */
  async close(keep: boolean): Promise<void> {
    await this.#attachment?.close()
    await this.#loop?.stop({ keep })
    await this.#gaps?.close()
    await this.#opened.audit?.stop()
  }
}
