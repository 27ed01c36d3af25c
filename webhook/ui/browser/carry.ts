import { type Field, fieldName, fieldsOf, formName, isChanged, told } from './fields.js'

/** The same thing in both, by its name and which of those of one name it is. */
function twins<Kind>(
  before: readonly Kind[],
  after: readonly Kind[],
  nameOf: (one: Kind) => string
): Map<Kind, Kind> {
  const open = new Map<string, Kind[]>()
  for (const one of after) {
    const name = nameOf(one)
    open.set(name, [...(open.get(name) ?? []), one])
  }
  const found = new Map<Kind, Kind>()
  for (const one of before) {
    const twin = open.get(nameOf(one))?.shift()
    if (twin !== undefined) found.set(one, twin)
  }
  return found
}

function copyInput(from: Field, to: Field): void {
  if (from instanceof HTMLSelectElement || to instanceof HTMLSelectElement) {
    to.value = from.value
  } else if (from instanceof HTMLInputElement && to instanceof HTMLInputElement) {
    if (from.type === 'file') to.files = from.files
    else if (from.type === 'checkbox' || from.type === 'radio') to.checked = from.checked
    else to.value = from.value
  } else to.value = from.value
}

const focusName = (one: Element) =>
  [one.tagName, one.getAttribute('href') ?? '', one.textContent.trim()].join('\n')

/** The same link or button to go on from; undefined: the person would lose its place. */
function focusTwin(before: Element, after: Element): (() => void) | undefined {
  const { activeElement } = document
  if (activeElement === null || activeElement === before || !before.contains(activeElement))
    return () => undefined
  if (activeElement.matches('input, select, textarea')) return undefined
  const name = focusName(activeElement)
  const same = [...after.querySelectorAll<HTMLElement>(activeElement.tagName)]
  const twin = same.find((each) => focusName(each) === name)
  return twin === undefined
    ? undefined
    : () => {
        twin.focus({ preventScroll: true })
      }
}

/** What is open stays open, what is closed stays closed. */
function copyDetails(before: Element, after: Element): void {
  const [old, young] = [
    [...before.querySelectorAll('details')],
    [...after.querySelectorAll('details')]
  ]
  const alike = old.length === young.length
  const nameOf = (one: HTMLDetailsElement) =>
    alike
      ? String((old.includes(one) ? old : young).indexOf(one))
      : (one.querySelector('summary')?.textContent ?? '')
  for (const [from, to] of twins(old, young, nameOf)) to.open = from.open
}

/** What the server said to a form: its error, what an import made, and what was only tried. */
function copyAnswers(before: Element, after: Element): void {
  const forms = (root: Element) => [...root.querySelectorAll('form')]
  for (const [from, to] of twins(forms(before), forms(after), formName)) {
    for (const each of ['.form-error', '[data-import-result]']) {
      const said = from.querySelector(each)?.cloneNode(true).childNodes ?? []
      to.querySelector(each)?.replaceChildren(...said)
    }
    const answer = from.querySelector('pre.answer')
    if (answer !== null) to.append(answer.cloneNode(true))
  }
}

/**
 * Takes over what a person did in one element into the one that shall stand in its place: what was typed and
 * chosen, what is open, what was answered. Gives what is left to do once it stands there (the focus), or
 * undefined when something would be lost: the old one has to stay then.
 */
export function carry(before: Element, after: Element): (() => void) | undefined {
  const refocus = focusTwin(before, after)
  if (refocus === undefined) return undefined
  const changed = fieldsOf(before).filter(isChanged)
  const found = twins(fieldsOf(before), fieldsOf(after), fieldName)
  if (changed.some((field) => !found.has(field))) return undefined
  copyDetails(before, after)
  copyAnswers(before, after)
  return () => {
    refocus()
    for (const field of changed) {
      const twin = found.get(field)
      if (twin === undefined) continue
      copyInput(field, twin)
      told(twin)
    }
  }
}
