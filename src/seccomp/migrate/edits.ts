/** Replaces what stands from `start` to `end` of a text. */
export interface Edit {
  start: number
  end: number
  text: string
}

/** Returns the text with all edits, or undefined when two of them overlap. */
export function applyEdits(text: string, edits: readonly Edit[]): string | undefined {
  const sorted = [...edits].sort((a, b) => a.start - b.start || a.end - b.end)
  const parts: string[] = []
  let at = 0
  for (const edit of sorted) {
    if (edit.start < at) return undefined
    parts.push(text.slice(at, edit.start), edit.text)
    at = edit.end
  }
  return parts.join('') + text.slice(at)
}

export const lineStart = (text: string, at: number) => text.lastIndexOf('\n', at - 1) + 1

/** Where the line's words end: before its line break. */
export function lineEnd(text: string, at: number): number {
  const found = text.indexOf('\n', at)
  if (found < 0) return text.length
  return text[found - 1] === '\r' && found > at ? found - 1 : found
}

/** After the line's break, or the end of the text. */
export function nextLine(text: string, at: number): number {
  const found = text.indexOf('\n', at)
  return found < 0 ? text.length : found + 1
}

/** Blanks before a position on its line, or undefined when something else stands there. */
export function indentAt(text: string, at: number): string | undefined {
  const before = text.slice(lineStart(text, at), at)
  return /^ *$/.test(before) ? before : undefined
}
