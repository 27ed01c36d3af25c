import { carry } from './carry.js'

/** The server's words for what stands on the page, without what people and scripts did to it since. */
const served = new WeakMap<Element, string>()

const partsOf = (region: Element) => [...region.children]
const isKeyed = (region: Element) =>
  partsOf(region).every((child) => child.hasAttribute('data-key'))
const hasOwnText = (region: Element) =>
  [...region.childNodes].some(
    (node) => node.nodeType === Node.TEXT_NODE && (node.textContent ?? '').trim() !== ''
  )
const shapeOf = (region: Element) =>
  hasOwnText(region)
    ? 'text'
    : partsOf(region)
        .map(({ tagName }) => tagName)
        .join()

/** Notes what came from the server; before any script changes it. */
export function remember(root: ParentNode): void {
  for (const region of root.querySelectorAll('[data-live]')) {
    served.set(region, region.innerHTML)
    for (const child of region.children) served.set(child, child.outerHTML)
  }
}

/** @returns whether it was done: not where somebody is at work whose work has no place in the new one */
function swap(before: Element, fresh: Element, forced: boolean): boolean {
  const words = fresh.outerHTML
  if (served.get(before) === words) return true
  const after = document.importNode(fresh, true)
  const finish = carry(before, after)
  if (finish === undefined && !forced) return false
  before.replaceWith(after)
  served.set(after, words)
  finish?.()
  return true
}

/** Goes only when nobody is at work in it. */
function removeIfIdle(gone: Element): void {
  if (carry(gone, document.createElement('div')) !== undefined) gone.remove()
}

function refreshKeyed(region: Element, fresh: Element, forced: boolean): void {
  const known = new Map(partsOf(region).map((child) => [child.getAttribute('data-key'), child]))
  let last: Element | null = null
  for (const child of partsOf(fresh)) {
    const key = child.getAttribute('data-key')
    const before = known.get(key)
    known.delete(key)
    const place: Element | null = last === null ? region.firstElementChild : last.nextElementSibling
    if (before === undefined) {
      const node = document.importNode(child, true)
      served.set(node, child.outerHTML)
      region.insertBefore(node, place)
      last = node
      continue
    }
    // Moving a thing takes the focus away from what is in it.
    if (place !== before && !before.contains(document.activeElement))
      region.insertBefore(before, place)
    const at: number = partsOf(region).indexOf(before)
    swap(before, child, forced)
    last = region.children[at] ?? before
  }
  for (const gone of known.values()) removeIfIdle(gone)
}

/** Puts what the server says now in the place of what it said before; what is the same stays untouched. */
export function refresh(region: Element, fresh: Element, forced: boolean): void {
  for (const { name, value } of fresh.attributes)
    if ((name === 'class' || name.startsWith('data-')) && region.getAttribute(name) !== value)
      region.setAttribute(name, value)
  if (fresh.children.length > 0 && isKeyed(fresh) && isKeyed(region) && !hasOwnText(fresh)) {
    refreshKeyed(region, fresh, forced)
  } else if (shapeOf(region) === shapeOf(fresh) && shapeOf(fresh) !== 'text') {
    for (const [at, before] of partsOf(region).entries()) {
      const after = fresh.children[at]
      if (after !== undefined) swap(before, after, forced)
    }
  } else if (served.get(region) !== fresh.innerHTML) {
    const after = region.cloneNode(false) as Element
    after.append(...[...fresh.childNodes].map((node) => document.importNode(node, true)))
    const finish = carry(region, after)
    if (finish === undefined && !forced) return
    region.replaceChildren(...after.childNodes)
    for (const child of region.children) served.set(child, child.outerHTML)
    finish?.()
  }
  served.set(region, fresh.innerHTML)
}

const regionsOf = (root: ParentNode) =>
  [...root.querySelectorAll('[data-live]')]
    .map((one) => one.getAttribute('data-live'))
    .sort()
    .join()

/**
 * Where something appeared for the first time (a table in the place of "nothing yet"), there is no region
 * that could take it: the whole page is taken over then, unless a person's work in it would be lost.
 * @param kept regions that show what a person asked for: they stay as they are
 */
export function replaceMain(fresh: Document, kept: Iterable<string>): void {
  const [main, other] = [document.querySelector('main'), fresh.querySelector('main')]
  if (main === null || other === null || regionsOf(main) === regionsOf(other)) return
  const after = document.importNode(other, true)
  const finish = carry(main, after)
  if (finish === undefined) return
  const find = (root: Element, name: string) =>
    root.querySelector(`[data-live="${CSS.escape(name)}"]`)
  const stay = [...kept].flatMap((name) => find(main, name) ?? [])
  for (const region of stay)
    find(after, region.getAttribute('data-live') ?? '')?.replaceWith(region)
  main.replaceChildren(...after.childNodes)
  remember(main)
  finish()
}
