import { setImmediate as turn } from 'node:timers/promises'

/** Characters that are joined in one turn of the event loop. */
const charactersAtOnce = 32_768

/** Joins texts to parts, each made in a turn of its own: a file of thousands of entries is too large for one. */
export async function* inParts(texts: Iterable<string>): AsyncIterable<string> {
  let part = ''
  for (const text of texts) {
    part += text
    if (part.length < charactersAtOnce) continue
    yield part
    part = ''
    await turn()
  }
  yield part
}
