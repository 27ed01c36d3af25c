/** The facts of views: each value under its path, so that two snapshots can be compared and a difference has a name. */
export type Facts = ReadonlyMap<string, string>

/** The members that name an item of a list; a list whose items they do not tell apart is read by position. */
const naming = [
  ...['key', 'namespace', 'name', 'profile', 'node', 'container', 'syscall', 'abi', 'comm'],
  ...['what', 'where', 'type', 'kind', 'id', 'digest', 'at', 'action']
]

function nameOf(item: unknown): string {
  if (typeof item !== 'object' || item === null) return ''
  const own = 'metadata' in item ? item.metadata : item
  const members = new Map(Object.entries(own ?? {}))
  return naming
    .map((each) => members.get(each) as unknown)
    .filter((value) => typeof value === 'string' && value !== '')
    .join(' ')
}

/** Lines of text are named by what they say, and by how many of them said the same before. */
function namesOfLines(lines: readonly string[]): string[] {
  const counts = new Map<string, number>()
  return lines.map((line) => {
    const count = (counts.get(line) ?? 0) + 1
    counts.set(line, count)
    return count === 1 ? line : `${line} (${count})`
  })
}

function namesOf(items: readonly unknown[]): string[] {
  const names = items.map(nameOf)
  const isNamed = names.every((name) => name !== '') && new Set(names).size === names.length
  return isNamed ? names : items.map((_, at) => String(at))
}

/** How long ago something was, and when a page was made: true at each reading, and never the same. */
const ages: readonly [RegExp, string][] = [
  [/\b\d+ ?(ms|s|min|m|h|d) ago\b/g, 'some time ago'],
  [/\bas of \d\d:\d\d:\d\d UTC/g, 'as of now'],
  // A page shows seconds; what its data has to the millisecond is compared in the JSON of the same data.
  [/\b\d\d:\d\d:\d\d UTC some time ago/g, 'some time ago'],
  [/\bnothing new for \d+ ?(s|min|m|h|d)\b/g, 'nothing new for some time']
]

const withoutAge = (text: string): string =>
  ages.reduce((words, [age, instead]) => words.replace(age, instead), text)

function add(facts: Map<string, string>, path: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) {
    facts.set(path, withoutAge(JSON.stringify(value)))
    return
  }
  if (Array.isArray(value) && value.every((item) => typeof item === 'string') && value.length > 0) {
    for (const name of namesOfLines(value.map(withoutAge))) facts.set(`${path} / ${name}`, 'there')
    return
  }
  const isList = Array.isArray(value)
  const members = isList
    ? namesOf(value).map((name, at) => [name, value[at] as unknown] as const)
    : Object.entries(value)
  if (members.length === 0) facts.set(path, isList ? '[]' : '{}')
  for (const [name, member] of members) add(facts, `${path} / ${name}`, member)
}

/** Returns the facts of several views, each below its name. */
export function factsOf(views: ReadonlyMap<string, unknown>): Facts {
  const facts = new Map<string, string>()
  for (const [name, value] of views) add(facts, name, value)
  return facts
}

export interface Difference {
  path: string
  before: string
  after: string
}

/** What a difference says of a path that a snapshot does not have. */
export const nothing = 'not there'

/** Returns every path whose value differs, in order of the paths. */
export function differences(before: Facts, after: Facts): Difference[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .sort()
    .map((path) => ({
      path,
      before: before.get(path) ?? nothing,
      after: after.get(path) ?? nothing
    }))
    .filter((one) => one.before !== one.after)
}

/** Returns differences as lines for a message, at most so many. */
export function printed(found: readonly Difference[], most = 40): string {
  const lines = found
    .slice(0, most)
    .map(({ path, before, after }) => `${path}: ${before.slice(0, 160)} → ${after.slice(0, 160)}`)
  return [...lines, ...(found.length > most ? [`and ${found.length - most} more`] : [])].join('\n')
}

/** Paths whose value is another one at each reading although nothing happens. */
const moving: readonly RegExp[] = [
  // How long an answer took.
  /simulate.* \/ ms$/,
  // A node is heard of all the time.
  /nodes.* \/ lastSeen$/,
  // A running trace has one more sample each half second.
  /traces.* \/ rates( \/|$)/
]

export const isMoving = (path: string): boolean => moving.some((each) => each.test(path))
