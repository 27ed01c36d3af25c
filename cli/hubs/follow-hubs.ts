import { setTimeout as delay } from 'node:timers/promises'
import { SeccoError, toSeccoError } from '../../src/lib/errors.js'
import type { MissingHub } from '../lib/missing-hubs.js'
import { followHub, type HubAccess, unavailableHint } from './hub-api.js'
import { type Hubs, missingHub, nameOfHub } from './hubs.js'

interface HubsListener {
  onEvent: (hub: string, event: string, data: unknown) => void
  /** The stream of a hub has ended, so what it reported no longer holds. */
  onEnd?: (hub: string) => void
  /** Called whenever the list of missing hubs changes. */
  onMissing: (missing: readonly MissingHub[]) => void
}

/** Hubs start and end with rollouts, so they are listed this often. */
const listEveryMs = 3000

interface Followers {
  /** Starts to follow every hub that is not followed yet. */
  begin(): void
  /** Lists the hubs again and follows the new ones. */
  refresh(list: () => Promise<Hubs>): Promise<void>
  /** Resolves when every open stream has ended. */
  all(): Promise<unknown>
  /** True when no stream ever opened and none is being tried. */
  failed(): boolean
  /** The first error of a hub that could not be followed. */
  failure(): SeccoError | undefined
}

function createFollowers(
  hubs: Hubs,
  path: string,
  listener: HubsListener,
  signal: AbortSignal
): Followers {
  const followed = new Map<string, Promise<void>>()
  const ended = new Map<string, MissingHub>()
  let known = hubs
  let reported = '[]'
  let opened = false
  let failure: SeccoError | undefined

  function reportMissing(): void {
    const unready = new Set(known.missing.map(({ hub }) => hub))
    const now = [...known.missing, ...[...ended.values()].filter(({ hub }) => !unready.has(hub))]
    const text = JSON.stringify(now)
    if (text === reported) return
    reported = text
    listener.onMissing(now)
  }

  async function follow(hub: HubAccess, name: string): Promise<void> {
    let error = new SeccoError('UNAVAILABLE', 'it ended the stream', { hint: unavailableHint(hub) })
    const onOpen = (): void => {
      opened = true
      if (ended.delete(name)) reportMissing()
    }
    const onEvent = (event: string, data: unknown): void => listener.onEvent(name, event, data)
    try {
      await followHub(hub, path, onEvent, signal, onOpen)
    } catch (thrown) {
      error = toSeccoError(thrown)
      failure ??= error
    }
    followed.delete(name)
    if (signal.aborted) return
    listener.onEnd?.(name)
    ended.set(name, missingHub(hub, error))
    // When no stream opened at all, this is the error of the verb and not a note about some hubs.
    if (opened) reportMissing()
  }

  function begin(): void {
    for (const hub of known.all) {
      const name = nameOfHub(hub)
      if (!followed.has(name)) followed.set(name, follow(hub, name))
    }
    reportMissing()
  }

  async function refresh(list: () => Promise<Hubs>): Promise<void> {
    try {
      known = await list()
    } catch {
      // The open streams go on, and the next refresh tries again.
      return
    }
    const there = new Set(known.all.map(nameOfHub))
    // The satellites of a hub that is gone have connected to another one.
    for (const name of ended.keys()) if (!there.has(name)) ended.delete(name)
    begin()
  }

  return {
    ...{ begin, refresh },
    all: () => Promise.all(followed.values()),
    failed: () => !opened && followed.size === 0,
    failure: () => failure
  }
}

/**
 * Follows the stream of every hub, including hubs that start later, until the signal fires or the only hub ends its
 * stream.
 * @throws SeccoError the error of a hub when no hub could be followed at the start.
 */
export async function followHubs(
  hubs: Hubs,
  path: string,
  listener: HubsListener,
  signal: AbortSignal,
  everyMs = listEveryMs
): Promise<void> {
  const followers = createFollowers(hubs, path, listener, signal)
  followers.begin()
  const { again } = hubs
  const isAborted = (): boolean => signal.aborted
  if (again === undefined) await followers.all()
  while (again !== undefined && !signal.aborted) {
    const pause = delay(everyMs, undefined, { signal }).catch(() => undefined)
    await Promise.race([followers.all(), pause])
    if (followers.failed()) break
    await pause
    if (!isAborted()) await followers.refresh(again)
  }
  const failure = followers.failure()
  if (followers.failed() && failure !== undefined) throw failure
}
