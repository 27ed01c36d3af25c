import { Idiomorph } from 'idiomorph'
import { fieldName, fieldsOf, isChanged, isField, repeatInput } from './fields.js'
import { identify } from './identity.js'

/** The server's markup of each part of a region, without what people and scripts did to it since. */
const served = new WeakMap<Element, string>()

/** What scripts write into a form: errors, what an import made, and the answer to a try. */
const written = '.form-error, [data-import-result]'
const answer = 'pre.answer'

const isRegion = (one: Element | null) => one?.hasAttribute('data-live') === true
/** A direct child of a region: it is updated as a whole, or not at all. */
const isPart = (one: Element) => isRegion(one.parentElement)

const regionName = (region: Element) => region.getAttribute('data-live') ?? ''
export const regionsIn = (root: ParentNode) => [...root.querySelectorAll('[data-live]')]

/** Finds the region of a name. */
export function regionOf(root: ParentNode, name: string): Element | null {
  return root.querySelector(`[data-live="${CSS.escape(name)}"]`)
}

function noteParts(root: ParentNode): void {
  for (const part of root.querySelectorAll('[data-live] > *')) served.set(part, part.outerHTML)
}

/** Notes what came from the server, before any script changes it. */
export function remember(): void {
  identify(document)
  noteParts(document)
}

const focusName = (one: Element) =>
  [one.tagName, one.getAttribute('href') ?? '', one.textContent.trim()].join('\n')

/** Finds the link or button that does the same as one that was focused. */
function focusTwin(focused: Element, root: Element): HTMLElement | undefined {
  const name = focusName(focused)
  const same = [...root.querySelectorAll<HTMLElement>(focused.tagName)]
  return same.find((each) => focusName(each) === name)
}

/** Returns the focused element inside of another one. */
function focusedIn(root: Element): Element | undefined {
  const { activeElement } = document
  if (activeElement === null || activeElement === root) return undefined
  return root.contains(activeElement) ? activeElement : undefined
}

/** Whether everything that a person does in one element has its place in the other one. */
function fits(before: Element, after: Element): boolean {
  const focused = focusedIn(before)
  const names = fieldsOf(after).map(fieldName)
  for (const field of fieldsOf(before)) {
    if (!isChanged(field) && field !== focused) continue
    const at = names.indexOf(fieldName(field))
    if (at < 0) return false
    names.splice(at, 1)
  }
  return focused === undefined || isField(focused) || focusTwin(focused, after) !== undefined
}

/** Whether a person would lose something with the element: typed text, or the focus. */
function isInUse(one: Element): boolean {
  const focused = focusedIn(one) ?? (document.activeElement === one ? one : undefined)
  if (focused !== undefined && (isPart(one) || isField(focused))) return true
  return [one, ...fieldsOf(one)].some((each) => isField(each) && isChanged(each))
}

interface Options {
  /** A person asked for it: it is shown, whatever is there. */
  forced: boolean
  /** Names of regions that stay as they are. */
  kept: ReadonlySet<string>
}

/** Turns one element into the server's newer one, and keeps what a person did in it. */
function morph(before: Element, after: Element, { forced, kept }: Options): void {
  const focused = focusedIn(before)
  // What is open or closed is up to the person; new ones are as the server has them.
  const details = new Set<Element>(before.querySelectorAll('details'))
  const changed = new Set<Element>([before])
  // It answers with a promise only for the head of a page.
  void Idiomorph.morph(before, after, {
    morphStyle: 'outerHTML',
    callbacks: {
      beforeNodeMorphed(old, young) {
        if (!(old instanceof Element) || !(young instanceof Element)) return true
        if (old instanceof HTMLElement && old.tagName === 'NOSCRIPT') return false
        if (isRegion(old) && kept.has(regionName(old))) return false
        if (isPart(old)) {
          if (served.get(old) === young.outerHTML) return false
          if (!forced && !fits(old, young)) return false
          changed.add(old)
        }
        if (isField(old) && isChanged(old)) return false
        return !(old.matches(written) && old.hasChildNodes())
      },
      afterNodeMorphed(old, young) {
        if (young instanceof Element && isPart(old)) served.set(old, young.outerHTML)
      },
      afterNodeAdded(node) {
        if (!(node instanceof Element)) return
        noteParts(node)
        if (isPart(node)) served.set(node, node.outerHTML)
      },
      beforeNodeRemoved: (node) =>
        forced || !(node instanceof Element) || !(node.matches(answer) || isInUse(node)),
      beforeAttributeUpdated: (name, one) => !(name === 'open' && details.has(one))
    }
  })
  if (focused !== undefined && document.activeElement !== focused) {
    const again = focused.isConnected ? focused : focusTwin(focused, before)
    if (again instanceof HTMLElement) again.focus({ preventScroll: true })
  }
  for (const part of changed) fieldsOf(part).filter(isChanged).forEach(repeatInput)
}

/** Updates a region. Parts of it in which a person would lose something stay as they are. */
export function morphRegion(region: Element, fresh: Element, forced: boolean): void {
  morph(region, fresh, { forced, kept: new Set() })
}

const regionNames = (root: ParentNode) => regionsIn(root).map(regionName).sort().join()

/**
 * Updates the whole page where something appeared for the first time (a table in the place of "nothing yet"):
 * no region could take it. The page stays as it is where a person would lose something.
 * @param kept names of regions that show what a person asked for
 */
export function morphMain(fresh: Document, kept: Iterable<string>): void {
  const [main, other] = [document.querySelector('main'), fresh.querySelector('main')]
  if (main === null || other === null || regionNames(main) === regionNames(other)) return
  if (fits(main, other)) morph(main, other, { forced: false, kept: new Set(kept) })
}
