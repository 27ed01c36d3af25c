/* RFC 3339 times in UTC: their order is that of their texts. */

const timeForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/

/** Returns whether a text is such a time, to the nanosecond at most, and one that exists: a node may report any text. */
export const isTime = (text: string): boolean =>
  timeForm.test(text) && !Number.isNaN(Date.parse(text))

/** Returns the text if it is a time, else an empty one. */
export const knownTime = (text = ''): string => (isTime(text) ? text : '')

export const earlierTime = (a: string, b: string): string => (a <= b ? a : b)
export const laterTime = (a: string, b: string): string => (a >= b ? a : b)
