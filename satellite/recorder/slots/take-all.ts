import type { Recorder } from '../../../native/types.js'

/** One scan takes so many changed slots; if there are more, the next scan follows at once. */
export const changesAtOnce = 256

/**
 * Takes what the kernel side has changed until now. Slots that change meanwhile are for the next scan: containers that never
 * rest would keep this one for ever.
 * @param take takes some changes, and returns whether there are more
 */
export function takeAll(recorder: Pick<Recorder, 'slots'>, take: () => boolean): void {
  if (!take()) return
  const rounds = Math.ceil(recorder.slots().length / changesAtOnce)
  for (let round = 0; round < rounds; round += 1) if (!take()) return
}
