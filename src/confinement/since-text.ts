/** Returns in words whether a container was seen from its first instruction. */
export const sinceText = (complete: boolean): string =>
  complete ? 'seen from its first instruction' : 'first seen while it ran'
