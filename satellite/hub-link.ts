import type {
  Condition,
  NodeStatus,
  Observation,
  Revision,
  RevisionRef,
  RevisionStatus,
  StartTrace
} from '../src/api/gen/hub.js'
import type { Body } from './uplink/messages.js'
import type { Uplink } from './uplink/uplink.js'

/** What the satellite needs of its connection. startUplink makes one; tests give their own. */
export type SatelliteUplink = Pick<
  Uplink,
  'offer' | 'report' | 'statusChanged' | 'connected' | 'durable' | 'flush' | 'close'
> &
  Partial<Pick<Uplink, 'conditions' | 'send' | 'backlog'>>

/** What the connection calls in the satellite. */
export interface UplinkHandlers {
  onRevision: (revision: Revision) => Promise<RevisionStatus>
  onDesired: (revisions: readonly RevisionRef[]) => void
  status: () => NodeStatus
  /** Revisions whose files are on this node and verified. */
  holding: () => RevisionRef[]
  /** A hub accepted this node. */
  onWelcome: () => void
  /** These observations are to be offered again. @param ids of observations */
  onRoom: (ids: readonly string[]) => void
  /** Sends what was recorded until now; resolves when all of it was offered. */
  onCollect: () => Promise<void>
  onResend: (containers: readonly string[]) => void
  /** Returns the bytes of a revision that this node holds. */
  onSendRevision: (ref: RevisionRef) => Promise<Uint8Array | undefined>
  /** The hub starts a trace, or renews its lease. */
  onStartTrace: (request: StartTrace) => void
  onStopTrace: (id: string) => void
}

/**
 * HubLink stands for the uplink from the start of the satellite, before the uplink is open. It keeps
 * observations until then; statuses and live messages are sent at the welcome anyway.
 */
export class HubLink {
  #uplink: SatelliteUplink | undefined
  readonly #early: Observation[] = []
  #setOpen: (uplink: SatelliteUplink) => void = () => undefined
  readonly #opened = new Promise<SatelliteUplink>((resolve) => {
    this.#setOpen = resolve
  })

  get connected(): boolean {
    return this.#uplink?.connected ?? false
  }

  /** Observations that were given up because too many waited. */
  get dropped(): number {
    return this.#uplink?.backlog?.().dropped ?? 0
  }

  open(uplink: SatelliteUplink): void {
    this.#uplink = uplink
    for (const observation of this.#early.splice(0)) uplink.offer(observation)
    this.#setOpen(uplink)
  }

  offer(observation: Observation): void {
    if (this.#uplink === undefined) this.#early.push(observation)
    else this.#uplink.offer(observation)
  }

  /** Resolves when everything offered until now survives this process; waits for the uplink first. */
  async durable(): Promise<void> {
    await (await this.#opened).durable()
  }

  report(status: RevisionStatus): void {
    this.#uplink?.report(status)
  }

  /** Sends a message that is not kept. Returns false without a connection. */
  send(message: Body): boolean {
    return this.#uplink?.send?.(message) ?? false
  }

  statusChanged(): void {
    this.#uplink?.statusChanged()
  }

  conditions(): Condition[] {
    return this.#uplink?.conditions?.() ?? []
  }

  async flush(): Promise<void> {
    await this.#uplink?.flush()
  }

  async close(): Promise<void> {
    await this.#uplink?.close()
  }
}
