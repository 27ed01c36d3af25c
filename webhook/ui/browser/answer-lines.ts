/** Members of an answer that say nothing to a person who tries a change. */
const hidden = ['ms', 'dryRun', 'changed', 'key']

/** What members mean, where their name alone does not say it. */
const words: Readonly<Record<string, string>> = {
  what: 'blocks',
  rules: 'syscalls',
  users: 'by the recorded syscalls',
  considered: 'running containers with known syscalls',
  without: 'running containers whose syscalls are not known',
  hit: 'containers that would have had denials',
  profiles: 'profiles that change',
  restart: 'containers that can make it until they restart',
  total: 'containers under a profile',
  done: 'percent of these that deny it already',
  beyond: 'containers that it does not reach'
}

/** Returns a member's name as words: `startedAt` as `started at`. */
const wordsOf = (name: string) =>
  words[name] ?? name.replace(/[A-Z]/g, (capital) => ` ${capital.toLowerCase()}`)

/** Formats the nested answer of a dry run as indented lines. */
export function answerLines(value: unknown, depth = 0): string[] {
  const pad = '  '.repeat(depth)
  if (Array.isArray(value)) {
    const list = value as unknown[]
    const plain = list.every((one) => typeof one !== 'object')
    if (plain)
      return [`${pad}${list.length === 0 ? 'none' : list.slice(0, 12).map(String).join(', ')}`]
    return list.slice(0, 8).flatMap((one) => answerLines(one, depth))
  }
  if (typeof value !== 'object' || value === null) return [`${pad}${String(value)}`]
  return Object.entries(value)
    .filter(([name]) => !hidden.includes(name))
    .flatMap(([name, one]) =>
      typeof one === 'object' && one !== null
        ? [`${pad}${wordsOf(name)}:`, ...answerLines(one, depth + 1)]
        : [`${pad}${wordsOf(name)}: ${String(one)}`]
    )
}
