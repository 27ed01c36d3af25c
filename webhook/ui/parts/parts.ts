import { html, type Markup, nothing, type Part } from './html.js'
import { type Icon, icon } from './icons.js'

/** What a container or workload is under, as the fleet's bar and every table say it. */
export const states = ['unconfined', 'default', 'learn', 'audit', 'enforce', 'none'] as const
export type State = (typeof states)[number]

export const stateWords: Readonly<Record<State, string>> = {
  unconfined: 'unconfined',
  default: 'RuntimeDefault',
  learn: 'learn',
  audit: 'audit',
  enforce: 'enforce',
  none: 'not protectable'
}

/** A state by shape, word and colour. */
export function stateMark(state: State): Markup {
  return html`<span class="mode ${state}">${icon(state)}${stateWords[state]}</span>`
}

export type Tone = '' | 'ok' | 'warn' | 'bad'

export function tag(text: string, tone: Tone = '', shape?: Icon): Markup {
  return html`<span class="tag ${tone}">${shape === undefined ? nothing : icon(shape)}${text}</span>`
}

/** A digest shortened in the middle; the whole one is what is copied and read on hover. */
export function digestMark(digest: string | undefined, none = 'none yet'): Markup {
  if (digest === undefined || digest === '') return html`<span class="digest muted">${none}</span>`
  return html`<span class="digest" title="${digest}" data-copy-text="${digest}">${shortDigest(digest)}</span>`
}

/** `sha256:9f3c…a1` without its algorithm: `9f3c…a1`. */
export function shortDigest(digest: string): string {
  const hex = digest.replace(/^sha256:/, '')
  return hex.length <= 8 ? hex : `${hex.slice(0, 4)}…${hex.slice(-2)}`
}

/** A name as long as an id is shortened in the middle; the whole one is read on hover. */
export function nameMark(text: string): Markup {
  if (text.length <= 40) return html`<bdi>${text}</bdi>`
  return html`<bdi title="${text}">${text.slice(0, 24)}…${text.slice(-6)}</bdi>`
}

/** ` · app`, where a workload has a container of its own name. */
export function containerMark(container: string): Markup {
  return container === '' ? nothing : html` · ${nameMark(container)}`
}

const units = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's']
] as const

/** `3 min`, `5 h`: one unit, the largest that fits. */
export function ageText(ms: number): string {
  const [size, word] = units.find(([each]) => ms >= each) ?? units[3]
  return `${Math.max(0, Math.floor(ms / size))} ${word}`
}

/** A moment with its zone and age; `never` where there is none. */
export function moment(at: string | undefined, now: number, never = 'never'): Markup {
  const ms = Date.parse(at ?? '')
  if (Number.isNaN(ms)) return html`<span class="muted">${never}</span>`
  const iso = new Date(ms).toISOString()
  const day =
    iso.slice(0, 10) === new Date(now).toISOString().slice(0, 10) ? '' : `${iso.slice(0, 10)} `
  return html`<time datetime="${iso}" title="${iso}" class="nowrap">${day}${iso.slice(11, 19)} UTC<span class="sub">${ageText(now - ms)} ago</span></time>`
}

/** `1 646`: groups of three by a narrow space. */
export function numberText(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f')
}

/** `1 entry`, `5 000 entries`; `many` for words that do not end in s. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${numberText(value)} ${value === 1 ? one : many}`
}

/** `182 k`, `1.8 M`: what fits into a cell. */
export function countText(value: number): string {
  if (value < 10_000) return numberText(value)
  if (value < 1_000_000) return `${Math.round(value / 1000)} k`
  return `${(value / 1_000_000).toFixed(1)} M`
}

/** The command that does the same, to copy. */
export function command(text: string): Markup {
  // A line breaks before an option, never within it; what is copied is the text.
  const words = text
    .split(/(?<= )(?=-)|(?<= -\S*)(?= )/)
    .map((part) => (part.startsWith('-') ? html`<span class="word">${part}</span>` : html`${part}`))
  return html`<div class="cli"><pre>${words}</pre><button class="btn s" type="button" data-copy>Copy</button></div>`
}

/** A panel with the command of the page or action. */
export function commandPanel(id: string, ...texts: readonly string[]): Markup {
  return html`<section class="panel no-print" aria-labelledby="${id}"><header><h2 id="${id}">The same on the command line</h2></header><div class="body stack tight">${texts.map(command)}</div></section>`
}

/** Nothing is there yet: why, and the next step. */
export function empty(what: string, next: Part): Markup {
  return html`<div class="empty"><p class="strong">${what}</p><p class="muted">${next}</p></div>`
}

export interface Column {
  title: string
  num?: boolean
}

export interface Row {
  /** Stable: a live page replaces the rows that changed and no other. */
  key: string
  cells: readonly Markup[]
  attention?: '' | 'warn' | 'bad'
}

/** A table that scrolls inside its panel, and becomes cards on a phone. The first `heading` cells name the row. */
export function table(options: {
  caption: string
  note?: string
  columns: readonly Column[]
  rows: readonly Row[]
  /** Which cell names the row; default the first. */
  heading?: number
  footer?: Part
  /** Region that follows the server's changes. */
  live?: string
}): Markup {
  const { caption, note, columns, rows, heading = 0, footer, live } = options
  const cellOf = (cell: Markup, at: number) => {
    const { title = '', num } = columns[at] ?? {}
    const kind = num === true ? ' class="num"' : ''
    return at === heading
      ? html`<th scope="row" data-label="${title}">${cell}</th>`
      : { markup: html`<td data-label="${title}"`.markup + kind + html`>${cell}</td>`.markup }
  }
  const rowOf = ({ key, cells, attention = '' }: Row) =>
    html`<tr data-key="${key}" class="${attention === '' ? '' : attention === 'bad' ? 'attn bad-row' : 'attn'}">${cells.map(cellOf)}</tr>`
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${caption}"><table class="cards"><caption>${caption}${note === undefined ? nothing : html` <span>${note}</span>`}</caption>
<thead><tr>${columns.map(({ title, num }) => html`<th scope="col"${num === true ? html` class="num"` : nothing}>${title}</th>`)}</tr></thead>
<tbody${live === undefined ? nothing : html` data-live="${live}"`}>${rows.map(rowOf)}</tbody></table></div>${footer === undefined ? nothing : html`<footer>${footer}</footer>`}`
}

/** Evidence met and missing, one stroke each. */
export function meter(met: number, total: number): Markup {
  const strokes = Array.from(
    { length: total },
    (_, at) => html`<i class="${at < met ? 'y' : 'n'}"></i>`
  )
  return html`<span class="nowrap"><span class="meter" aria-hidden="true">${strokes}</span>${met} of ${total}</span>`
}

/** Two columns of facts. */
export function facts(entries: readonly (readonly [string, Part])[]): Markup {
  return html`<dl class="facts2">${entries.map(([term, value]) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`)}</dl>`
}

/** Page number of a query, within what there is. */
export function pageOf(asked: string | undefined, pages: number): number {
  const page = Number(asked ?? '1')
  return Number.isInteger(page) ? Math.min(Math.max(page, 1), Math.max(pages, 1)) : 1
}

/** Links to the pages of a long list; `what` in the plural. */
export function pager(options: {
  page: number
  pages: number
  total: number
  href: (page: number) => string
  what: string
}): Markup {
  const { page, pages, total, href, what } = options
  const one = what.replace(/ies$/, 'y').replace(/s$/, '')
  const all = counted(total, one, what)
  const live = `pages of ${what}`
  if (pages <= 1) return html`<div data-live="${live}"><p class="pager muted">${all}</p></div>`
  return html`<div data-live="${live}"><nav class="pager" aria-label="Pages of ${what}">${page > 1 ? html`<a class="btn s" rel="prev" href="${href(page - 1)}">Previous</a>` : nothing}<span>page ${numberText(page)} of ${numberText(pages)}, ${all}</span>${page < pages ? html`<a class="btn s" rel="next" href="${href(page + 1)}">Next</a>` : nothing}</nav></div>`
}

/** The ladder, drawn whole: solid behind, dotted ahead, the present step framed. */
export function ladder(now: 'learn' | 'audit' | 'enforce' | undefined): Markup {
  const steps = ['learn', 'audit', 'enforce'] as const
  const at = now === undefined ? -1 : steps.indexOf(now)
  return html`<ol class="ladder" aria-label="Mode">${steps.map((step, index) => html`<li class="${index < at ? 'done' : index === at ? 'now' : ''}"${index === at ? html` aria-current="step"` : nothing}><span>${icon(step)}${step}</span></li>`)}</ol>`
}
