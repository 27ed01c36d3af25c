import { SeccoError } from '../../lib/errors.js'
import { limits } from '../../api/limits.js'

const headLength = 512
const tailLength = 96

/** A line of a trace: its beginning and its end are all that is looked at, however long it is. */
interface Line {
  number: number
  head: string
  tail: string
}

/** The lines of a text, one at a time. TOO_LARGE above the limit. */
export function* linesOf(text: string, where: string): Generator<Line> {
  let number = 0
  for (let start = 0; start < text.length; ) {
    const found = text.indexOf('\n', start)
    const end = found < 0 ? text.length : found
    if (++number > limits.traceLines) {
      throw new SeccoError('TOO_LARGE', `${where}: has more than ${limits.traceLines} lines`)
    }
    yield {
      number,
      head: text.slice(start, Math.min(end, start + headLength)),
      tail: text.slice(Math.max(start, end - tailLength), end)
    }
    start = end + 1
  }
}
