import type { VNode } from 'preact'
import { counted, numberText } from './format.js'
import { Sentence } from './panels.js'
import type { Content } from './render.js'

interface Column {
  title: string
  num?: boolean
}

export interface Row {
  /** Stable: a live page finds a row again by its key. */
  key: string
  cells: readonly Content[]
  attention?: '' | 'warn' | 'bad'
}

const rowClasses = { '': '', warn: 'attn', bad: 'attn bad-row' } as const

const columnOf = (column: Column | string): Column =>
  typeof column === 'string' ? { title: column } : column

function Cell(props: { column: Column | undefined; names: boolean; content: Content }): VNode {
  const { column, names, content } = props
  const { title = '', num } = column ?? {}
  if (names) {
    return (
      <th scope="row" data-label={title}>
        {content}
      </th>
    )
  }
  return (
    <td data-label={title} class={num === true ? 'num' : undefined}>
      {content}
    </td>
  )
}

function Rows(props: {
  rows: readonly Row[]
  live: string | undefined
  columns: readonly Column[]
  heading: number
}): VNode {
  const { rows, live, columns, heading } = props
  return (
    <tbody data-live={live}>
      {rows.map(({ key, cells, attention = '' }) => (
        <tr data-key={key} class={rowClasses[attention]}>
          {cells.map((content, at) => (
            <Cell column={columns[at]} names={at === heading} content={content} />
          ))}
        </tr>
      ))}
    </tbody>
  )
}

/** A table that scrolls inside its panel, and becomes cards on a phone. */
export function Table(props: {
  caption: string
  note?: Content
  /** Titles of the columns; those of numbers as `{title, num: true}`. */
  columns: readonly (Column | string)[]
  rows: readonly Row[]
  /** Rows before these in a region of their own, which follows the server's changes. */
  first?: { live: string; rows: readonly Row[] }
  /** Which cell names the row; default the first. */
  heading?: number
  footer?: Content
  /** Name of the region that follows the server's changes. */
  live?: string
}): VNode {
  const { caption, note, rows, first, heading = 0, footer, live } = props
  const columns = props.columns.map(columnOf)
  return (
    <>
      <div class="scroll" role="region" tabindex={0} aria-label={caption}>
        <table class="cards">
          <caption>
            {caption}
            {note !== undefined && (
              <>
                {' '}
                <span>{typeof note === 'string' ? <Sentence text={note} /> : note}</span>
              </>
            )}
          </caption>
          <thead>
            <tr>
              {columns.map(({ title, num }) => (
                <th scope="col" class={num === true ? 'num' : undefined}>
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          {first !== undefined && <Rows {...first} columns={columns} heading={heading} />}
          <Rows rows={rows} live={live} columns={columns} heading={heading} />
        </table>
      </div>
      {footer !== undefined && (
        <footer>{typeof footer === 'string' ? <Sentence text={footer} /> : footer}</footer>
      )}
    </>
  )
}

/** Links to the pages of a long list; `what` is a plural. */
export function Pager(props: {
  page: number
  pages: number
  total: number
  href: (page: number) => string
  what: string
}): VNode {
  const { page, pages, total, href, what } = props
  const one = what.replace(/ies$/, 'y').replace(/s$/, '')
  const all = counted(total, one, what)
  const live = `pages of ${what}`
  if (pages <= 1) {
    return (
      <div data-live={live}>
        <p class="pager muted">{all}</p>
      </div>
    )
  }
  return (
    <div data-live={live}>
      <nav class="pager" aria-label={`Pages of ${what}`}>
        {page > 1 && (
          <a class="btn s" rel="prev" href={href(page - 1)}>
            Previous
          </a>
        )}
        <span>
          page {numberText(page)} of {numberText(pages)}, {all}
        </span>
        {page < pages && (
          <a class="btn s" rel="next" href={href(page + 1)}>
            Next
          </a>
        )}
      </nav>
    </div>
  )
}
