import { Observation } from '../src/api/gen/hub.js'

/** More than any one row (a syscall with its denial, a value, a name) takes on the wire. */
const largestRow = 384

function textsOf(observation: Observation): number {
  let length = observation.id.length
  const { labels = {}, ...container } = observation.container ?? {}
  for (const [key, value] of Object.entries(labels)) length += key.length + value.length + 8
  for (const value of Object.values(container)) length += value.length + 8
  return length
}

/** Surely at least its bytes on the wire, found without writing them. */
function mostBytesOf(observation: Observation): number {
  const { abis, denied, startup, serving, events } = observation
  let rows = 32 + denied.length + events.length
  for (const { syscalls } of abis) rows += syscalls.length
  for (const { names } of [...startup, ...serving]) rows += names.length
  for (const { values } of observation.arguments) rows += 1 + values.length
  // A character of UTF-16 has at most three bytes of UTF-8.
  return rows * largestRow + 3 * textsOf(observation)
}

/** Its bytes on the wire where they may be more than `limit`; else undefined. */
export function bytesAbove(observation: Observation, limit: number): number | undefined {
  if (mostBytesOf(observation) <= limit) return undefined
  const bytes = Observation.encode(observation).finish().length
  return bytes > limit ? bytes : undefined
}
