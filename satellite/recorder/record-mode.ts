/** When a node records: always, only while something needs it, or never. */
export const recordModes = ['always', 'unprofiled', 'off'] as const
export type RecordMode = (typeof recordModes)[number]
