import { reloadRegions, replaced } from './live.js'

let filter = ''
/** Whether the person collapsed all areas. */
let folded = false

const grid = () => document.getElementById('grid')
const cells = () => [...(grid()?.querySelectorAll<HTMLAnchorElement>('a.c') ?? [])]
const shown = () => cells().filter((cell) => cell.offsetParent !== null)

/** Makes one tab stop for the whole grid: the chosen cell, else the first. */
function rove(current?: HTMLAnchorElement): void {
  const all = shown()
  const { activeElement } = document
  const focused = all.find((cell) => cell === activeElement)
  const stop =
    current ?? focused ?? all.find((cell) => cell.getAttribute('aria-current') === 'true') ?? all[0]
  for (const cell of cells()) cell.tabIndex = cell === stop ? 0 : -1
}

function showFolded(): void {
  const button = grid()?.querySelector('[data-grid-fold]')
  button?.setAttribute('aria-expanded', String(!folded))
  if (button != null) button.textContent = folded ? 'Expand all' : 'Collapse all'
}

function applyFilter(): void {
  const root = grid()
  if (root === null) return
  root.classList.toggle('filtered', filter !== '')
  for (const cell of cells()) {
    cell.classList.toggle('out', filter !== '' && !(cell.dataset['call'] ?? '').includes(filter))
  }
  for (const area of root.querySelectorAll('.areas > li')) {
    area.classList.toggle('out', filter !== '' && area.querySelector('a.c:not(.out)') === null)
  }
  const field = root.querySelector<HTMLInputElement>('[data-grid-filter]')
  if (field !== null && field.value === '' && filter !== '') field.value = filter
  rove()
}

/** Finds the nearest cell above or below on the screen. */
function vertical(from: HTMLElement, direction: 1 | -1): HTMLAnchorElement | undefined {
  const box = from.getBoundingClientRect()
  const middle = box.left + box.width / 2
  let best: { cell: HTMLAnchorElement; distance: number } | undefined
  for (const cell of shown()) {
    const other = cell.getBoundingClientRect()
    const down = (other.top - box.top) * direction
    if (down < box.height / 2) continue
    // A cell in the next row is nearer than one straight below in a later row.
    const distance = down * 4 + Math.abs(other.left + other.width / 2 - middle)
    if (best === undefined || distance < best.distance) best = { cell, distance }
  }
  return best?.cell
}

function move(from: HTMLAnchorElement, key: string): HTMLAnchorElement | undefined {
  const all = shown()
  const at = all.indexOf(from)
  switch (key) {
    case 'ArrowRight':
      return all[at + 1]
    case 'ArrowLeft':
      return all[at - 1]
    case 'ArrowDown':
      return vertical(from, 1)
    case 'ArrowUp':
      return vertical(from, -1)
    case 'Home':
      return all[0]
    case 'End':
      return all.at(-1)
    default:
      return undefined
  }
}

async function choose(cell: HTMLAnchorElement): Promise<void> {
  const name = cell.dataset['call'] ?? ''
  const address = new URL(location.href)
  address.searchParams.set('call', name)
  for (const each of cells()) each.removeAttribute('aria-current')
  cell.setAttribute('aria-current', 'true')
  document.documentElement.classList.add('picked')
  const done = await reloadRegions(address.href, 'call')
  if (!done) location.assign(cell.href)
  else history.replaceState(null, '', address)
}

/** Starts the syscall grid: arrows move, Enter chooses, a word filters, areas fold. */
export function startGrid(): void {
  const root = grid()
  if (root === null) return
  const close = [...root.querySelectorAll('details')].filter(
    (each) => each.querySelector('a.c:not(.q)') === null
  )
  for (const each of close) each.open = false
  rove()
  if (new URL(location.href).searchParams.has('call'))
    document.documentElement.classList.add('picked')
  document.addEventListener('keydown', (event) => {
    const cell = event.target
    if (!(cell instanceof HTMLAnchorElement) || !cell.classList.contains('c')) return
    const next = move(cell, event.key)
    if (next === undefined) return
    event.preventDefault()
    rove(next)
    next.focus()
  })
  document.addEventListener('click', (event) => {
    if (!(event.target instanceof Element) || event.ctrlKey || event.metaKey) return
    const cell = event.target.closest<HTMLAnchorElement>('#grid a.c')
    if (cell !== null) {
      event.preventDefault()
      rove(cell)
      void choose(cell)
    }
    const fold = event.target.closest<HTMLElement>('[data-grid-fold]')
    if (fold !== null) {
      folded = !folded
      showFolded()
      for (const each of grid()?.querySelectorAll<HTMLDetailsElement>('.areas details') ?? [])
        each.open = !folded
      rove()
    }
  })
  document.addEventListener('input', (event) => {
    const field = event.target
    if (!(field instanceof HTMLInputElement) || field.dataset['gridFilter'] === undefined) return
    filter = field.value.trim().toLowerCase()
    if (filter !== '')
      for (const each of grid()?.querySelectorAll<HTMLDetailsElement>('.areas details') ?? [])
        each.open = true
    applyFilter()
  })
  document.addEventListener('change', () => rove())
  document.addEventListener(replaced, () => {
    showFolded()
    applyFilter()
  })
}
