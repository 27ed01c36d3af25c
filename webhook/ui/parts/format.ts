/** Shortens `sha256:9f3c…a1` in the middle, without its algorithm: `9f3c…a1`. */
export function shortDigest(digest: string): string {
  const hex = digest.replace(/^sha256:/, '')
  return hex.length <= 8 ? hex : `${hex.slice(0, 4)}…${hex.slice(-2)}`
}

const units = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's']
] as const

/** Formats an age with the largest unit that fits: `3 min`, `5 h`. */
export function ageText(ms: number): string {
  const [size, word] = units.find(([each]) => ms >= each) ?? units[3]
  return `${Math.max(0, Math.floor(ms / size))} ${word}`
}

/** Formats a number in groups of three with a narrow space between them: `1 646`. */
export function numberText(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f')
}

/** Formats `1 entry`, `5 000 entries`. `many` is for words whose plural is not `one` and an s. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${numberText(value)} ${value === 1 ? one : many}`
}

/** Formats a count for a narrow cell: `182 k`, `1.8 M`. */
export function countText(value: number): string {
  if (value < 10_000) return numberText(value)
  if (value < 1_000_000) return `${Math.round(value / 1000)} k`
  return `${(value / 1_000_000).toFixed(1)} M`
}

/** Returns the time of day in UTC: `14:20:08 UTC`. */
export function clockText(ms: number): string {
  return `${new Date(ms).toISOString().slice(11, 19)} UTC`
}

/** Returns the page number of a query, at least 1 and at most `pages`. */
export function pageOf(asked: string | undefined, pages: number): number {
  const page = Number(asked ?? '1')
  return Number.isInteger(page) ? Math.min(Math.max(page, 1), Math.max(pages, 1)) : 1
}

/** One page of a list. */
interface ListPage<Item> {
  items: readonly Item[]
  page: number
  pages: number
  total: number
}

/** Returns the page of a list that a query asks for. */
export function listPage<Item>(
  all: readonly Item[],
  asked: string | undefined,
  perPage: number
): ListPage<Item> {
  const pages = Math.ceil(all.length / perPage)
  const page = pageOf(asked, pages)
  const items = all.slice((page - 1) * perPage, page * perPage)
  return { items, page, pages, total: all.length }
}

/** Returns the path with these parameters; empty ones are left out. */
export function hrefWith(path: string, query: Readonly<Record<string, string>>): string {
  const kept = Object.entries(query).filter(([, value]) => value !== '')
  const text = new URLSearchParams(kept).toString()
  return text === '' ? path : `${path}?${text}`
}

/** The decision to block a call. */
export interface BlockedBy {
  by: string
  at: string
  reason?: string
}

/** Returns who blocked a call, when and why, as far as a decision is known. */
export function blockedText(decision: BlockedBy | undefined): string {
  if (decision === undefined) return 'blocked in every profile'
  const { by, at, reason = '' } = decision
  return `${reason} (${by}, ${at.slice(0, 10)})`
}
