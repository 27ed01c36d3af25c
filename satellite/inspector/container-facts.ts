import type { RevisionRef, RunningContainer } from '../../src/api/gen/hub.js'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import type { Container } from '../containers/runtime.js'
import { containerRef } from '../containers/container-ref.js'
import type { Declared } from './declared.js'
import type { FilterCheck } from './filter-checks.js'

/** What one reading of a container finds, apart from its filters. */
export interface Reading {
  declared: Declared
  disk: { state: string; path: string } | undefined
  status: { mode: number; filters: number }
}

/** A container that the inspector follows. Times are of performance.now(). */
export interface InspectedContainer {
  key: string
  container: Container
  startedAt: string
  seenAt: number
  /** When a young container is read next. */
  dueAt: number
  /** The revision whose file should be on this node. */
  file: RevisionRef | undefined
  /** The container's own program runs. */
  begun: boolean
  /** Number of filters when they were last read; -1: they have to be read. */
  readFilters: number
  /** The filters were read at least once, or could not be. */
  tried: boolean
  check: FilterCheck | undefined
  /** The profile that the filters were compared with. */
  comparedWith: LinuxSeccomp | undefined
  /** The last reading; undefined before the first. */
  read: Reading | undefined
  /** The hub has its facts. */
  reported: boolean
  facts: RunningContainer
  /** An earlier run with the same id, until it was looked at after this one had begun. */
  before: InspectedContainer | undefined
}

/** Starts to follow a container; nothing of it has been read yet. */
export function inspectedContainer(
  key: string,
  container: Container,
  startedAt: string,
  at: number
): InspectedContainer {
  // One literal: V8 stores objects made by copying as hash tables, which take five times the memory.
  return {
    key,
    container,
    startedAt,
    seenAt: at,
    dueAt: at,
    readFilters: -1,
    check: undefined,
    comparedWith: undefined,
    tried: false,
    reported: false,
    file: undefined,
    read: undefined,
    begun: container.status === 'running',
    facts: undefined as unknown as RunningContainer,
    before: undefined
  }
}

/** The facts as the hub gets them. */
export function factsOf(
  one: Pick<InspectedContainer, 'key' | 'container' | 'startedAt' | 'check' | 'begun' | 'tried'>,
  { declared, disk, status }: Reading
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
    // Until the filter is read, it is only known that there is one.
    checked: read ? check.checked : status.mode === 2 && one.tried ? 'mode' : 'none',
    same: read && check.same,
    difference: read ? check.difference : '',
    others: read ? check.others : 0,
    allowed: read ? check.allowed : 0,
    beyondDefault:
      declared.kind === 'runtime-default' || declared.like !== undefined
        ? { names: [...declared.beyond] }
        : undefined,
    likeDefault: declared.like
  }
}
