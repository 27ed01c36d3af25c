import type { RevisionRef, RunningContainer } from '../../src/api/gen/hub.js'
import type { Container } from '../containers/runtime.js'
import { containerRef } from '../recorder/slots/observation.js'
import type { Declared } from './declared.js'
import type { FilterCheck } from './filter-checks.js'

/** What one look at a container finds beside its filters. */
export interface Seen {
  declared: Declared
  disk: { state: string; path: string } | undefined
  status: { mode: number; filters: number }
}

/** A container as the inspector follows it. Times are of performance.now(). */
export interface Tracked {
  key: string
  container: Container
  startedAt: string
  metAt: number
  /** While it is young: when it is looked at next. */
  lookAt: number
  /** The revision's file that is to be on this node. */
  file: RevisionRef | undefined
  /** Its own program runs. */
  begun: boolean
  /** Filters of the process when they were last read; -1: they have to be. */
  readFilters: number
  /** Reading them was tried once, with whatever success. */
  tried: boolean
  check: FilterCheck | undefined
  /** What the last look found; undefined before the first. */
  seen: Seen | undefined
  /** The hub was told of it. */
  told: boolean
  facts: RunningContainer
}

/** One that is met now: nothing was looked at yet. */
export function followed(
  key: string,
  container: Container,
  startedAt: string,
  at: number
): Tracked {
  // One literal: V8 keeps what is copied together as a table, five times as large, and there are thousands.
  return {
    key,
    container,
    startedAt,
    metAt: at,
    lookAt: at,
    readFilters: -1,
    check: undefined,
    tried: false,
    told: false,
    file: undefined,
    seen: undefined,
    begun: container.status === 'running',
    facts: undefined as unknown as RunningContainer
  }
}

/** What the hub is told of it. */
export function factsOf(
  one: Pick<Tracked, 'key' | 'container' | 'startedAt' | 'check' | 'begun' | 'tried'>,
  { declared, disk, status }: Seen
): RunningContainer {
  const { container, check } = one
  const read = check !== undefined && check.checked !== 'none' && status.mode === 2
  const { assigned } = declared
  return {
    key: one.key,
    container: containerRef(container),
    pid: container.pid,
    startedAt: one.startedAt,
    running: one.begun,
    privileged: container.privileged === true,
    declared: declared.kind,
    digest: declared.digest,
    declaredMode: declared.mode,
    assigned:
      assigned === undefined || assigned.revision === ''
        ? ''
        : `${assigned.profile}@${assigned.revision}`,
    disk: disk?.state ?? '',
    diskPath: disk?.path ?? '',
    mode: status.mode,
    filters: status.filters,
    // Before the first look at its filter nothing is known of it but that there is one.
    checked: read ? check.checked : status.mode === 2 && one.tried ? 'mode' : 'none',
    same: read && check.same,
    difference: read ? check.difference : '',
    others: read ? check.others : 0,
    allowed: read ? check.allowed : 0
  }
}
