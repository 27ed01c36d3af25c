import { notice } from './api.js'

/** Told after a region was replaced: what the person had set there is set again. */
export const replaced = 'secco:replaced'

/** A person who types or chooses there must not lose it. */
function isBusy(element: Element): boolean {
  const { activeElement } = document
  return (
    activeElement !== null && activeElement !== document.body && element.contains(activeElement)
  )
}

function closedDetails(region: Element): number[] {
  return [...region.querySelectorAll('details')].flatMap((each, at) => (each.open ? [] : [at]))
}

function openDetails(region: Element): number[] {
  return [...region.querySelectorAll('details')].flatMap((each, at) => (each.open ? [at] : []))
}

function put(before: Element, after: Element): void {
  const [closed, open] = [closedDetails(before), openDetails(before)]
  const node = document.importNode(after, true)
  for (const [at, each] of [...node.querySelectorAll('details')].entries()) {
    if (closed.includes(at)) each.open = false
    if (open.includes(at)) each.open = true
  }
  before.replaceWith(node)
}

/** Puts the new children in the place of those whose text differs; the others stay as they are. */
function refresh(region: Element, fresh: Element): void {
  const keyed = [...fresh.children].every((child) => child.hasAttribute('data-key'))
  if (!keyed) {
    if (region.innerHTML !== fresh.innerHTML && !isBusy(region)) {
      region.replaceChildren(
        ...[...fresh.childNodes].map((node) => document.importNode(node, true))
      )
    }
    return
  }
  const known = new Map(
    [...region.children].map((child) => [child.getAttribute('data-key'), child])
  )
  let last: Element | null = null
  for (const child of fresh.children) {
    const key = child.getAttribute('data-key')
    const before = known.get(key)
    known.delete(key)
    if (before === undefined) {
      const node = document.importNode(child, true)
      if (last === null) region.prepend(node)
      else last.after(node)
      last = node
      continue
    }
    const place: Element | null = last === null ? region.firstElementChild : last.nextElementSibling
    if (place !== before && !isBusy(before)) region.insertBefore(before, place)
    if (before.outerHTML !== child.outerHTML && !isBusy(before)) {
      const at: number = [...region.children].indexOf(before)
      put(before, child)
      last = region.children[at] ?? null
    } else last = before
  }
  for (const gone of known.values()) if (!isBusy(gone)) gone.remove()
}

/**
 * Where something appeared for the first time (a table in the place of "nothing yet"), there is no region
 * that could take it: the whole page is taken over then, unless a person is at work in it.
 */
function replaceMain(fresh: Document): boolean {
  const names = (root: ParentNode) =>
    [...root.querySelectorAll('[data-live]')]
      .map((one) => one.getAttribute('data-live'))
      .sort()
      .join()
  const [main, other] = [document.querySelector('main'), fresh.querySelector('main')]
  if (main === null || other === null || names(main) === names(other)) return false
  if (main.querySelector('input:focus, textarea:focus, select:focus') !== null) return false
  main.replaceChildren(...[...other.childNodes].map((node) => document.importNode(node, true)))
  document.dispatchEvent(new Event(replaced))
  return true
}

let loading = false
let again = false
/** What a person asked for, by region: the address whose answer is wanted there, and no other. */
const asked = new Map<string, string>()

/** Asks for this very page again and takes over its live regions, or for one of them at another address. */
export async function reloadRegions(address = location.href, only?: string): Promise<boolean> {
  if (only !== undefined) asked.set(only, address)
  else if (loading) {
    again = true
    return false
  }
  loading = true
  try {
    const response = await fetch(address, { headers: { accept: 'text/html' } })
    if (response.status === 401) location.reload()
    if (!response.ok) return false
    const fresh = new DOMParser().parseFromString(await response.text(), 'text/html')
    if (only === undefined && replaceMain(fresh)) return true
    for (const region of document.querySelectorAll('[data-live]')) {
      const name = region.getAttribute('data-live') ?? ''
      if (only !== undefined && name !== only) continue
      // A change elsewhere, or an answer that comes late, must not take away what was asked for.
      if ((asked.get(name) ?? address) !== address) continue
      const other = fresh.querySelector(`[data-live="${CSS.escape(name)}"]`)
      if (other !== null) refresh(region, other)
    }
    document.dispatchEvent(new Event(replaced))
    return true
  } catch {
    return false
  } finally {
    loading = false
    if (again) {
      again = false
      setTimeout(() => void reloadRegions(), 250)
    }
  }
}

function sayState(text: string): void {
  for (const place of document.querySelectorAll('[data-live-state]')) place.textContent = text
}

/** Follows the server: each change makes the page ask for itself, at most once a second. */
export function startLive(): void {
  if (document.querySelector('[data-live]') === null || !('EventSource' in window)) return
  let paused = false
  const source = new EventSource('/api/v1/changes')
  let lost = false
  source.addEventListener('change', () => {
    if (!paused && !document.hidden) void reloadRegions()
  })
  source.addEventListener('open', () => {
    if (lost) {
      notice('')
      void reloadRegions()
    }
    lost = false
    sayState(paused ? 'paused' : 'live')
  })
  source.addEventListener('error', () => {
    lost = true
    sayState('not connected')
    notice('The hub does not answer: what you see may be old. It is tried again by itself.', true)
  })
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && !paused) void reloadRegions()
  })
  document.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest('[data-pause]') : null
    if (button === null) return
    paused = !paused
    button.setAttribute('aria-pressed', String(paused))
    button.textContent = paused ? 'Go on' : 'Pause'
    sayState(paused ? 'paused' : 'live')
    if (!paused) void reloadRegions()
  })
  // Counts of a running trace come without a change of any object.
  const poll = () => {
    const running = document.querySelector('[data-poll="yes"]')
    if (running !== null && !paused && !document.hidden) void reloadRegions()
    setTimeout(poll, 1000)
  }
  if (document.querySelector('[data-poll="yes"]') !== null) setTimeout(poll, 1000)
}
