import { type Edit, lineStart, nextLine } from './edits.js'

const around = 3

interface Hunk {
  /** Lines of the old text, from 0, and what stands there now. */
  from: number
  to: number
  added: string[]
}

/** Lines with their breaks. */
const linesOf = (text: string) => text.match(/[^\n]*\n|[^\n]+$/g) ?? []

/** Edits as changes of whole lines; edits on one line become one. */
function hunksOf(text: string, edits: readonly Edit[]): Hunk[] {
  const numbers = new Map<number, number>()
  let [offset, count] = [0, 0]
  for (const line of linesOf(text)) {
    numbers.set(offset, count++)
    offset += line.length
  }
  numbers.set(offset, count)
  const groups: { start: number; end: number; edits: Edit[] }[] = []
  for (const edit of [...edits].sort((a, b) => a.start - b.start || a.end - b.end)) {
    const start = lineStart(text, edit.start)
    // An edit of whole lines ends where the next line begins: that one is not touched.
    const whole = edit.end > edit.start && edit.end === lineStart(text, edit.end)
    const end = whole && edit.text === '' ? edit.end : nextLine(text, edit.end)
    const last = groups.at(-1)
    if (last !== undefined && start < last.end) {
      last.end = Math.max(last.end, end)
      last.edits.push(edit)
    } else groups.push({ start, end, edits: [edit] })
  }
  return groups.map(({ start, end, edits: own }) => {
    let [at, now] = [start, '']
    for (const edit of own) {
      now += text.slice(at, edit.start) + edit.text
      at = edit.end
    }
    now += text.slice(at, end)
    const before = linesOf(text.slice(start, end))
    const added = linesOf(now)
    let from = numbers.get(start) ?? 0
    let to = numbers.get(end) ?? count
    while (before.length > 0 && added.length > 0 && before[0] === added[0]) {
      before.shift()
      added.shift()
      from++
    }
    while (before.length > 0 && added.length > 0 && before.at(-1) === added.at(-1)) {
      before.pop()
      added.pop()
      to--
    }
    return { from, to, added }
  })
}

const withBreak = (sign: string, line: string) =>
  line.endsWith('\n') ? `${sign}${line}` : `${sign}${line}\n\\ No newline at end of file\n`

/** The edits of a text as a unified diff (patch(1) takes it); '' for none. */
export function unifiedDiff(path: string, text: string, edits: readonly Edit[]): string {
  const hunks = hunksOf(text, edits).filter(({ from, to, added }) => to > from || added.length > 0)
  if (hunks.length === 0) return ''
  const lines = linesOf(text)
  const name = path.replace(/^\/+/, '')
  let out = `--- a/${name}\n+++ b/${name}\n`
  let shift = 0
  for (let index = 0; index < hunks.length; ) {
    const group = [hunks[index++] as Hunk]
    for (let next = hunks[index]; next !== undefined; next = hunks[index]) {
      if (next.from - (group.at(-1) as Hunk).to > 2 * around) break
      group.push(next)
      index++
    }
    const first = Math.max(0, (group[0] as Hunk).from - around)
    const last = Math.min(lines.length, (group.at(-1) as Hunk).to + around)
    let body = ''
    let [at, grown] = [first, 0]
    for (const { from, to, added } of group) {
      for (const line of lines.slice(at, from)) body += withBreak(' ', line)
      for (const line of lines.slice(from, to)) body += withBreak('-', line)
      for (const line of added) body += withBreak('+', line)
      grown += added.length - (to - from)
      at = to
    }
    for (const line of lines.slice(at, last)) body += withBreak(' ', line)
    const old = last - first
    out += `@@ -${first + (old > 0 ? 1 : 0)},${old} +${first + shift + 1},${old + grown} @@\n${body}`
    shift += grown
  }
  return out
}
