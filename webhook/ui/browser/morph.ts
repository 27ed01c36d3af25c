import { Idiomorph } from 'idiomorph'
import { fieldName, fieldsOf, isChanged, isField, repeatInput } from './fields.js'
import { identify } from './identity.js'

/** The markup that the server sent for each part of a region, before people and scripts changed it. */
const served = new WeakMap<Element, string>()

/** What scripts write into a form: errors, the result of an import, the answer of a dry run and the button that confirms it. */
const scriptOutput = '.form-error, [data-import-result]'
const dryRunAnswer = 'pre.answer, [data-confirm-tried]'

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

/** Finds the link or button that does the same as one that was focused. The words of a link can change: they have counts. */
function focusTwin(focused: Element, root: Element): HTMLElement | undefined {
  const name = focusName(focused)
  const all = [...root.querySelectorAll<HTMLElement>(focused.tagName)]
  const same = all.find((each) => focusName(each) === name)
  const href = focused.getAttribute('href')
  if (same !== undefined || href === null) return same
  const [only, ...more] = all.filter((each) => each.getAttribute('href') === href)
  return more.length === 0 ? only : undefined
}

/** Returns the focused element inside of another one. */
function focusedIn(root: Element): Element | undefined {
  const { activeElement } = document
  if (activeElement === null || activeElement === root) return undefined
  return root.contains(activeElement) ? activeElement : undefined
}

/** Whether `after` has a place for the focus and the changed fields of `before`. */
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
  /** A person asked for the new content: it replaces what is in use too. */
  forced: boolean
  /** Names of regions that stay as they are. */
  kept: ReadonlySet<string>
}

/** Turns one element into the server's newer one, and keeps what a person did in it. */
function morph(before: Element, after: Element, { forced, kept }: Options): void {
  const focused = focusedIn(before)
  // A person opens and closes these; only new ones are as the server sent them.
  const details = new Set<Element>(before.querySelectorAll('details'))
  const changed = new Set<Element>([before])
  // Idiomorph returns a promise only when it changes the head of a page.
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
        return !(old.matches(scriptOutput) && old.hasChildNodes())
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
        forced || !(node instanceof Element) || !(node.matches(dryRunAnswer) || isInUse(node)),
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
 * Updates the whole page when it has other regions than before: a table in the place of "nothing yet". Does nothing
 * when a person would lose the focus or typed text.
 * @param kept names of regions that show what a person asked for
 */
export function morphMain(fresh: Document, kept: Iterable<string>): void {
  const [main, other] = [document.querySelector('main'), fresh.querySelector('main')]
  if (main === null || other === null || regionNames(main) === regionNames(other)) return
  if (fits(main, other)) morph(main, other, { forced: false, kept: new Set(kept) })
}
