/* RFC 3339 times in UTC: their order is that of their texts. */

export const earlierTime = (a: string, b: string): string => (a <= b ? a : b)
export const laterTime = (a: string, b: string): string => (a >= b ? a : b)
