/** Events in the order of an instance's life. One that was killed by another signal than SIGKILL has `killed SIGSEGV`. */
export const knownEvents = ['start', 'serve', 'reload', 'probe', 'stop', 'killed', 'ended'] as const

/** Returns the signal that killed an instance, by its event; undefined for another event. Pure. */
export function killingSignal(event: string): string | undefined {
  const found = /^killed(?: (SIG[A-Z0-9]{1,10}))?$/.exec(event)
  return found === null ? undefined : (found[1] ?? 'SIGKILL')
}

/** Returns whether an event is the end of an instance. Pure. */
export const isEnd = (event: string): boolean =>
  event === 'stop' || event === 'ended' || killingSignal(event) !== undefined

/** Returns an end without its signal. Pure. */
export const endKind = (event: string): string =>
  killingSignal(event) === undefined ? event : 'killed'

/** Returns what the pages and commands say of an end; an event that is none stays as it is. Pure. */
export function endWord(event: string): string {
  const signal = killingSignal(event)
  if (signal !== undefined) return `killed (${signal})`
  return event === 'ended' ? 'ended (how is not known)' : event
}

/** Returns the known ones of some events, each once, in the order of an instance's life. Pure. */
export function eventsInOrder(events: readonly string[]): string[] {
  return knownEvents.flatMap((name) => {
    if (name !== 'killed') return events.includes(name) ? [name] : []
    return events.find((event) => killingSignal(event) !== undefined) ?? []
  })
}
