/** Quotes a word for a POSIX shell: the name of a user or a path can have any characters. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

/** Returns the words of a text that `quoted` made, each of them; undefined for a text of another kind. */
export function unquotedWords(text: string): string[] | undefined {
  const words: string[] = []
  let rest = text
  while (rest !== '') {
    const [found = ''] = /^(?:[\w@%+=:,./-]|\\'|'[^']*')+(?= |$)/.exec(rest) ?? []
    if (found === '') return undefined
    words.push(found.replace(/\\'|'([^']*)'/g, (part, inner?: string) => inner ?? part.slice(1)))
    rest = rest.slice(found.length).replace(/^ /, '')
  }
  return words
}
