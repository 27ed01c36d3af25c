import { SeccoError, toSeccoError } from '../errors.js'
import { askHub, followHub, type HubAccess } from './hub-api.js'

/** Of two copies of one thing the one that counts. */
type Better<Item> = (left: Item, right: Item) => Item

/**
 * Lists of several hubs as one: each knows what its own satellites see. A node that went from one hub to another
 * is remembered by both for a moment: what has one key is one thing. Pure.
 * @param better default: the one that was there first
 */
export function unionOf<Item>(
  lists: readonly (readonly Item[])[],
  keyOf: (item: Item) => string,
  better: Better<Item> = (left) => left
): Item[] {
  const all = new Map<string, Item>()
  for (const item of lists.flat()) {
    const before = all.get(keyOf(item))
    all.set(keyOf(item), before === undefined ? item : better(before, item))
  }
  return [...all.values()]
}

/** One list of all hubs. @throws as askHub: a part that is missing would look as if nothing was there */
export async function fleetList<Item>(
  hubs: readonly HubAccess[],
  path: string,
  keyOf: (item: Item) => string,
  better?: Better<Item>
): Promise<Item[]> {
  const lists = await Promise.all(
    hubs.map(async (hub) => (await askHub<{ items: Item[] }>(hub, path)).items)
  )
  const [only = []] = lists
  return lists.length === 1 ? only : unionOf(lists, keyOf, better)
}

/** The same for a name that one hub may know and another not. @throws as askHub when none knows it */
export async function fleetSearch<Item>(
  hubs: readonly HubAccess[],
  path: string,
  keyOf: (item: Item) => string
): Promise<Item[]> {
  const answers = await Promise.allSettled(hubs.map((hub) => fleetList([hub], path, keyOf)))
  const lists = answers.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const failures = answers.flatMap((one): unknown[] =>
    one.status === 'rejected' ? [one.reason] : []
  )
  const isUnknown = (error: unknown): boolean =>
    error instanceof SeccoError && error.code === 'CONTAINER_NOT_FOUND'
  const failure = failures.find((error) => !isUnknown(error)) ?? failures[0]
  if (failure !== undefined && (lists.length === 0 || !isUnknown(failure)))
    throw toSeccoError(failure)
  return unionOf(lists, keyOf)
}

/**
 * Follows a stream of every hub, until the signal or the first end of one: what goes on without it would look whole.
 * @param onEvent with which hub's it is. @throws as followHub
 */
export async function followFleet(
  hubs: readonly HubAccess[],
  path: string,
  onEvent: (hub: number, event: string, data: unknown) => void,
  signal: AbortSignal
): Promise<void> {
  const ended = new AbortController()
  const either = AbortSignal.any([signal, ended.signal])
  try {
    await Promise.race(
      hubs.map((hub, at) => followHub(hub, path, (event, data) => onEvent(at, event, data), either))
    )
  } finally {
    ended.abort()
  }
}
