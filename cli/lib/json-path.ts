import { JSONPath } from 'jsonpath-plus'
import { SeccoError } from '../../src/lib/errors.js'
import { alignedLines } from './aligned-lines.js'
import { plain } from './io.js'

/** Returns every value that a path finds in an object. */
type Find = (object: unknown) => unknown[]

const longest = 2000

function wrong(path: string, why: string): SeccoError {
  return new SeccoError('INVALID_ARGUMENT', `path ${JSON.stringify(path)}: ${why}`, {
    hint: 'write a path as kubectl does, for example {.items[*].metadata.name}'
  })
}

/** Writes a step whose dots are escaped, as kubectl has them, in brackets: `.labels.secco\.dev/learn`. */
const inBrackets = (path: string): string =>
  path.replace(/\.((?:[^.[\]\\]|\\.)*\\\.(?:[^.[\]\\]|\\.)*)/g, (_, step: string) => {
    return `['${step.replaceAll('\\.', '.')}']`
  })

/** Writes an index from the end as the library has it, which is a range. */
const fromTheEnd = (path: string): string =>
  path.replace(/\[-([1-9]\d*)\]/g, (_, nth: string) =>
    nth === '1' ? '[-1:]' : `[-${nth}:-${Number(nth) - 1}]`
  )

/**
 * Reads a path: `.metadata.name`, with or without braces. Expressions are never evaluated: neither filters nor scripts
 * are accepted, whoever wrote the path or the object. @throws SeccoError INVALID_ARGUMENT
 */
export function parsePath(text: string): Find {
  const inner = text
    .trim()
    .replace(/^\{(.*)\}$/s, '$1')
    .trim()
  if (inner.length > longest) throw wrong(text.slice(0, 40), `has more than ${longest} characters`)
  if (/[()?`^~]/.test(inner)) throw wrong(text, 'filters and scripts are not accepted')
  const steps = inBrackets(inner.replace(/^[@$]/, '').replace(/^(?=[\w*-])/, '.'))
  if (!/^(?:\.{1,2}[\w*-]+|\[(?:-?\d+|\*|'[^']*'|"[^"]*")\]|\.(?=$|\[))*$/.test(steps)) {
    throw wrong(text, 'cannot be read')
  }
  const path = `$${steps === '.' ? '' : fromTheEnd(steps.replaceAll('.[', '['))}`
  return (object) => {
    if (path === '$') return [object]
    if (typeof object !== 'object' || object === null) return []
    return JSONPath<unknown[]>({ path, json: object, wrap: true, eval: false })
  }
}

function written(value: unknown): string {
  if (value === undefined) return ''
  return plain(typeof value === 'string' ? value : JSON.stringify(value))
}

/** Returns the first value of a path, for `--sort-by`. */
export function parseSortKey(text: string): (object: unknown) => unknown {
  const find = parsePath(text)
  return (object) => find(object)[0]
}

type Part = (object: unknown) => string

/** Splits a template into text and what stands in braces. */
function pieces(text: string): { text?: string; action?: string }[] {
  const found = [...text.matchAll(/([^{}]+)|\{((?:"(?:[^"\\]|\\.)*"|[^{}"])*)\}/g)]
  if (found.map(([all]) => all).join('') !== text) throw wrong(text, 'has a brace too many')
  return found.map(([, plainText, action]) =>
    action === undefined ? { text: plainText ?? '' } : { action: action.trim() }
  )
}

function literalOf(action: string): string {
  try {
    return String(JSON.parse(action))
  } catch {
    throw wrong(action, 'is no text in quotes')
  }
}

/**
 * Reads a template of kubectl: text, {PATH}, {"\n"}, {range PATH}…{end}. Several values stand beside each other, with
 * spaces between. @throws SeccoError INVALID_ARGUMENT
 */
export function parseTemplate(text: string): Part {
  const bodies: { parts: Part[]; over: Find }[] = [{ parts: [], over: (object) => [object] }]
  const bodyOf = (): { parts: Part[]; over: Find } => bodies.at(-1) ?? { parts: [], over: () => [] }
  for (const { text: literal, action = '' } of pieces(text)) {
    if (literal !== undefined) bodyOf().parts.push(() => literal)
    else if (action.startsWith('"')) {
      const quoted = literalOf(action)
      bodyOf().parts.push(() => quoted)
    } else if (action.startsWith('range ')) {
      bodies.push({ parts: [], over: parsePath(action.slice(6)) })
    } else if (action === 'end') {
      const closed = bodies.length > 1 ? bodies.pop() : undefined
      if (closed === undefined) throw wrong(text, '{end} without {range}')
      bodyOf().parts.push((object) => closed.over(object).map(joined(closed.parts)).join(''))
    } else {
      const find = parsePath(action)
      bodyOf().parts.push((object) => find(object).map(written).join(' '))
    }
  }
  if (bodies.length > 1) throw wrong(text, '{range} without {end}')
  return joined(bodyOf().parts)
}

const joined =
  (parts: readonly Part[]): Part =>
  (object) =>
    parts.map((part) => part(object)).join('')

/** Reads `TITLE:PATH,…`; the result formats objects as a table. @throws SeccoError INVALID_ARGUMENT */
export function parseColumns(text: string, headers: boolean): (objects: unknown[]) => string {
  const columns = text.split(',').map((column) => {
    const [, title = '', path = ''] = /^([^:]+):(.+)$/.exec(column) ?? []
    if (title === '') throw wrong(column, 'is no TITLE:PATH')
    return { title: plain(title), find: parsePath(path) }
  })
  return (objects) => {
    const rows = objects.map((object) =>
      columns.map(({ find }) => find(object).map(written).join(',') || '<none>')
    )
    const lines = alignedLines([...(headers ? [columns.map(({ title }) => title)] : []), ...rows])
    return lines.map((line) => `${line}\n`).join('')
  }
}
