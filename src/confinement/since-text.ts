/** Returns in words whether a container was seen from its first instruction. */
export const sinceText = (complete: boolean): string =>
  complete ? 'seen from its first instruction' : 'first seen while it ran'

/** Returns since when the calls of a container are counted, in words. Nobody counted what it called before it was first seen. */
export const countedSinceText = (complete: boolean): string =>
  complete ? 'since the container began' : `since it was ${sinceText(false)}`
