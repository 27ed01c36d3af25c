import { atLeast } from '../../../src/seccomp/review/times-seen.js'
import type { Abi } from '../../../src/syscalls/abi.js'
import type { VNode } from 'preact'
import { type Area, type Cell, cellWords, heatOf } from '../model/grid.js'
import { countText } from './format.js'

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

function cellView(cell: Cell, href: string, chosen: boolean): VNode {
  const { name, letter, isNew, denied, allowed, risk } = cell
  const sign = denied > 0 && !allowed ? '×' : isNew ? '+' : ''
  return (
    <a
      class={classesOf(cell)}
      href={`${href}${name}#call`}
      data-call={name}
      title={name}
      aria-current={chosen ? 'true' : undefined}
    >
      {sign !== '' && <i aria-hidden="true">{sign}</i>}
      {risk?.level === 'high' && (
        <i class="r" aria-hidden="true">
          ▲
        </i>
      )}
      <span class="n">{name}</span>
      {letter !== '' && (
        <span class="t" aria-hidden="true">
          {letter}
        </span>
      )}
      <span class="vh">: {cellWords(cell)}</span>
    </a>
  )
}

function areaView(area: Area, href: string, chosen: string | undefined): VNode {
  const rest = area.cells.filter((cell) => !cell.observed && !cell.allowed && cell.denied === 0)
  return (
    <li>
      <details open>
        <summary>
          <h3>{area.area}</h3>
          <span>
            {area.allowed} of {area.cells.length} allowed
            {area.fresh > 0 && <b class="warn">{area.fresh} new</b>}
            {area.denied > 0 && <b class="bad">{area.denied} denied</b>}
          </span>
        </summary>
        <div class="cells" role="group" aria-label={area.area}>
          {area.cells.map((cell) => cellView(cell, href, cell.name === chosen))}
          <span class="rest all">and {rest.length} not allowed, never asked</span>
          <span class="rest safe">
            and {rest.filter(({ risk }) => risk?.level !== 'high').length} more without high risk
          </span>
        </div>
      </details>
    </li>
  )
}

function Key(props: { class: string; name: string; word: string; sign?: string }): VNode {
  const { name, word, sign } = props
  return (
    <li>
      <span class={`c ${props.class}`} aria-hidden="true">
        {sign !== undefined && <i class={sign === '▲' ? 'r' : undefined}>{sign}</i>}
        <span class="n">{name}</span>
      </span>
      {word}
    </li>
  )
}

/** What the squares of the grid mean. */
function Legend(): VNode {
  return (
    <ul class="keys">
      <Key class="o1" name="1" word="" />
      <Key class="o2" name="100" word="" />
      <Key class="o3" name="10 k" word="" />
      <Key class="o4" name="200 k" word="calls" />
      <Key class="o1 ap" name="name" word="approved" />
      <Key class="o1 ap" name="name b" word="base" />
      <Key class="ap nv" name="name f" word="family, never observed" />
      <Key class="ap nv" name="name p" word="by a person" />
      <Key class="o1 new" name="name" word="observed, not approved" sign="+" />
      <Key class="de" name="name" word="denied" sign="×" />
      <Key class="q ri" name="" word="high risk" sign="▲" />
      <Key class="q" name="" word="not allowed, never asked" />
    </ul>
  )
}

/**
 * The syscall grid. A cell is a link to its details: without JavaScript the browser follows it, with JavaScript only
 * the panel of the details changes. A name is appended to `href`.
 */
export function GridView(props: {
  areas: readonly Area[]
  abi: Abi
  href: string
  chosen: string | undefined
  runtimeDefault: number
}): VNode {
  const { areas, abi, href, chosen, runtimeDefault } = props
  const cells = areas.flatMap((area) => area.cells)
  const observed = cells.filter((cell) => cell.observed).length
  const allowed = cells.filter((cell) => cell.allowed).length
  const calls = cells.reduce((sum, { count }) => sum + count, 0)
  const choice = (id: string, word: string, checked: boolean) => (
    <label>
      <input type="radio" name="names" id={`names-${id}`} checked={checked} />
      {word}
    </label>
  )
  return (
    <section class="panel grid" id="grid" aria-labelledby="h-grid">
      <header>
        <h2 id="h-grid">Syscalls</h2>
        <p>
          on {abi}: {observed} observed
          {calls > 0 && `, ${atLeast(calls, 'call', countText(calls))}`}; {allowed} allowed of{' '}
          {cells.length}; RuntimeDefault {runtimeDefault}
        </p>
        <div class="row">
          <label class="find">
            <span class="vh">Find a syscall</span>
            <input type="search" data-grid-filter placeholder="find a syscall" autocomplete="off" />
          </label>
          <fieldset class="seg">
            <legend class="vh">Names shown</legend>
            {choice('some', 'Compact', true)}
            {choice('play', 'In play only', false)}
            {choice('all', 'All names', false)}
          </fieldset>
          <button class="btn s" type="button" data-grid-fold aria-expanded="true">
            Collapse all
          </button>
        </div>
      </header>
      <div class="body">
        <Legend />
      </div>
      <ul class="areas">{areas.map((area) => areaView(area, href, chosen))}</ul>
    </section>
  )
}
