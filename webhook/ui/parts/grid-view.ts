import { html, type Markup, nothing } from './html.js'
import { type Area, type Cell, cellWords, heatOf } from '../model/grid.js'
import { countText } from './parts.js'

function classesOf(cell: Cell): string {
  const inPlay = cell.observed || cell.allowed || cell.denied > 0
  return [
    'c',
    cell.observed && `o${heatOf(cell.count)}`,
    cell.allowed && 'ap',
    cell.allowed && !cell.observed && 'nv',
    cell.isNew && 'new',
    cell.denied > 0 && !cell.allowed && (cell.expected ? 'de ex' : 'de'),
    cell.risk?.level === 'high' && 'ri',
    !inPlay && 'q'
  ]
    .filter((each) => each !== false)
    .join(' ')
}

function cellView(cell: Cell, href: string, chosen: boolean): Markup {
  const { name, letter, isNew, denied, allowed, risk } = cell
  const sign = denied > 0 && !allowed ? '×' : isNew ? '+' : ''
  return html`<a class="${classesOf(cell)}" href="${href}${name}#call" data-call="${name}" title="${name}"${chosen ? html` aria-current="true"` : nothing}>${sign === '' ? nothing : html`<i aria-hidden="true">${sign}</i>`}${risk?.level === 'high' ? html`<i class="r" aria-hidden="true">▲</i>` : nothing}<span class="n">${name}</span>${letter === '' ? nothing : html`<span class="t" aria-hidden="true">${letter}</span>`}<span class="vh">: ${cellWords(cell)}</span></a>`
}

function areaView(area: Area, href: string, chosen: string | undefined): Markup {
  const rest = area.cells.filter((cell) => !cell.observed && !cell.allowed && cell.denied === 0)
  return html`<li><details open><summary><h3>${area.area}</h3><span>${area.allowed} of ${area.cells.length} allowed${area.fresh > 0 ? html`<b class="warn">${area.fresh} new</b>` : nothing}${area.denied > 0 ? html`<b class="bad">${area.denied} denied</b>` : nothing}</span></summary><div class="cells" role="group" aria-label="${area.area}">${area.cells.map((cell) => cellView(cell, href, cell.name === chosen))}<span class="rest all">and ${rest.length} not allowed, never asked</span><span class="rest safe">and ${rest.filter(({ risk }) => risk?.level !== 'high').length} more without high risk</span></div></details></li>`
}

const key = (classes: string, name: string, word: string, before = '') =>
  html`<li><span class="c ${classes}" aria-hidden="true">${before === '' ? nothing : html`<i${before === '▲' ? html` class="r"` : nothing}>${before}</i>`}<span class="n">${name}</span></span>${word}</li>`

const legend = html`<ul class="keys">${[
  key('o1', '1', ''),
  key('o2', '100', ''),
  key('o3', '10 k', ''),
  key('o4', '200 k', 'calls'),
  key('o1 ap', 'name', 'approved'),
  key('o1 ap', 'name b', 'base'),
  key('ap nv', 'name f', 'family, never observed'),
  key('ap nv', 'name p', 'by a person'),
  key('o1 new', 'name', 'observed, not approved', '+'),
  key('de', 'name', 'denied', '×'),
  key('q ri', '', 'high risk', '▲'),
  key('q', '', 'not allowed, never asked')
]}</ul>`

/**
 * The syscall grid. A cell is a link to its own details: without JavaScript it is followed, with it the
 * panel beside changes.
 * @param href address that a name is appended to
 */
export function gridView(options: {
  areas: readonly Area[]
  href: string
  chosen: string | undefined
  runtimeDefault: number
}): Markup {
  const { areas, href, chosen, runtimeDefault } = options
  const cells = areas.flatMap((area) => area.cells)
  const observed = cells.filter((cell) => cell.observed).length
  const allowed = cells.filter((cell) => cell.allowed).length
  const calls = cells.reduce((sum, { count }) => sum + count, 0)
  const choice = (id: string, word: string, checked: boolean) =>
    html`<label><input type="radio" name="names" id="names-${id}"${checked ? html` checked` : nothing}>${word}</label>`
  return html`<section class="panel grid" id="grid" aria-labelledby="h-grid"><header><h2 id="h-grid">Syscalls</h2><p>${observed} observed${calls > 0 ? `, ${countText(calls)} calls` : ''}; ${allowed} allowed of ${cells.length}; RuntimeDefault ${runtimeDefault}</p>
<div class="row"><label class="find"><span class="vh">Find a syscall</span><input type="search" data-grid-filter placeholder="find a syscall" autocomplete="off"></label><fieldset class="seg"><legend class="vh">Names shown</legend>${choice('some', 'Compact', true)}${choice('play', 'In play only', false)}${choice('all', 'All names', false)}</fieldset><button class="btn s" type="button" data-grid-fold aria-expanded="true">Collapse all</button></div></header>
<div class="body">${legend}</div><ul class="areas">${areas.map((area) => areaView(area, href, chosen))}</ul></section>`
}
