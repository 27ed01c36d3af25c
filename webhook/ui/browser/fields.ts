import { isGenerated } from './generated-id.js'

/** What a person fills in or chooses. */
export type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement

export function isField(one: Element): one is Field {
  return (
    (one instanceof HTMLInputElement && one.type !== 'hidden') ||
    one instanceof HTMLSelectElement ||
    one instanceof HTMLTextAreaElement
  )
}

/** Returns the fields in an element. */
export const fieldsOf = (root: Element) => [
  ...root.querySelectorAll<Field>('input:not([type=hidden]), select, textarea')
]

/** Whether a person changed the field since the page came. */
export function isChanged(field: Field): boolean {
  if (field instanceof HTMLSelectElement) {
    const usual = [...field.options].findLastIndex((each) => each.defaultSelected)
    return field.selectedIndex !== Math.max(usual, 0)
  }
  if (field instanceof HTMLTextAreaElement) return field.value !== field.defaultValue
  if (field.type === 'checkbox' || field.type === 'radio')
    return field.checked !== field.defaultChecked
  if (field.type === 'file') return (field.files?.length ?? 0) > 0
  return field.value !== field.defaultValue
}

/** Whether leaving this page would lose something. */
export function isAnythingTyped(): boolean {
  return fieldsOf(document.body).some(isChanged)
}

/** Returns what a form is about: its address and its hidden fields. A reason for one thing is none for another. */
export function formName(form: HTMLFormElement | null): string {
  if (form === null) return ''
  const about = [...form.querySelectorAll<HTMLInputElement>('input[type=hidden]')]
    .filter(({ dataset }) => dataset['expect'] === undefined && dataset['seen'] === undefined)
    .map(({ name, value }) => `${name}=${value}`)
  return [form.dataset['url'] ?? form.getAttribute('action') ?? '', ...about].join(' ')
}

/** Returns the form, or the one that took its place while the server was asked: live updates can replace a form. */
export function standing(form: HTMLFormElement): HTMLFormElement {
  if (form.isConnected) return form
  const name = formName(form)
  return [...document.forms].find((each) => formName(each) === name) ?? form
}

/** Names a field by what it is for, not by its place: the name is the same in the older and the newer page. */
export function fieldName(field: Field): string {
  const choice = field.type === 'checkbox' || field.type === 'radio' ? field.value : ''
  const marks = Object.keys(field.dataset).join()
  const form = field.closest('form')
  const owner = form === null ? (field.getAttribute('form') ?? '') : formName(form)
  const id = isGenerated(field.id) ? '' : field.id
  return [owner, field.type, field.name, id, choice, marks].join('\n')
}

/** Repeats the events of a change, so that scripts update what follows from it: a share in words, another digest. */
export const repeatInput = (field: Field) => {
  for (const kind of ['input', 'change']) field.dispatchEvent(new Event(kind, { bubbles: true }))
}

interface Typed {
  name: string
  value: string
  checked: boolean
}

/** Whether a field is ticked rather than typed. */
export const isChoice = (field: Field): field is HTMLInputElement =>
  field instanceof HTMLInputElement && (field.type === 'checkbox' || field.type === 'radio')

/** Packs what was typed outside of this form, if any, as text, for the same page after it is loaded again. */
export function packTyped(except?: HTMLFormElement): string {
  const typed = fieldsOf(document.body)
    .filter((field) => (except === undefined || field.form !== except) && isChanged(field))
    .filter(({ type }) => type !== 'file' && type !== 'password')
    .map(
      (field): Typed => ({
        ...{ name: fieldName(field), value: field.value },
        checked: isChoice(field) && field.checked
      })
    )
  return JSON.stringify(typed)
}

/** Restores what packTyped() packed, where its fields still exist. */
export function unpackTyped(text: string): void {
  const fields = fieldsOf(document.body)
  for (const { name, value, checked } of JSON.parse(text) as Typed[]) {
    const at = fields.findIndex((field) => fieldName(field) === name)
    const [field] = at < 0 ? [] : fields.splice(at, 1)
    if (field === undefined) continue
    if (isChoice(field)) field.checked = checked
    else field.value = value
    const around = field.closest('details')
    if (around !== null) around.open = true
    repeatInput(field)
  }
}
