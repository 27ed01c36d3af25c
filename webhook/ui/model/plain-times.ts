/** A time as RFC 3339 has it, but not the value of an option of a command: that stays as it is pasted. */
const time = /(?<!--[a-z-]+[ =])\b(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z/g

/** Returns a sentence with its times as the rest of a page writes them: `2026-01-01 08:00:00 UTC`. */
export const plainTimes = (text: string): string => text.replace(time, '$1 $2 UTC')
