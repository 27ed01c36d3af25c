import { fieldName, fieldsOf, formName, isField } from './fields.js'
import { isGenerated, mark } from './generated-id.js'

/** Returns what a region, part, form or field is, whatever its place on the page. */
function nameOf(one: Element): string {
  const region = one.closest('[data-live]')?.getAttribute('data-live') ?? ''
  if (one.hasAttribute('data-live')) return `region ${region}`
  const key = one.getAttribute('data-key')
  if (key !== null) return `part ${region} ${key}`
  if (one instanceof HTMLFormElement) return `form ${formName(one)}`
  return isField(one) ? `field ${fieldName(one)}` : ''
}

/**
 * Gives an id to everything that idiomorph must find again at another place: regions, rows, forms and fields.
 * Two of one name get none: they are told apart by their order.
 */
export function identify(root: Document | Element): void {
  const found = new Map<string, Element | undefined>()
  const named = root.querySelectorAll('[data-live], [data-key], form')
  const fields = fieldsOf(root instanceof Document ? root.body : root)
  for (const one of [...named, ...fields]) {
    if (one.id !== '' && !isGenerated(one.id)) continue
    const id = `${mark}${nameOf(one)}`
    found.set(id, found.has(id) ? undefined : one)
  }
  for (const [id, one] of found) if (one !== undefined) one.id = id
}
