/** What a person fills or chooses. */
export type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement

/** All of them, hidden ones left out. */
export const fieldsOf = (root: Element) => [
  ...root.querySelectorAll<Field>('input:not([type=hidden]), select, textarea')
]

/** Whether somebody typed or chose something else there than what the page came with. */
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

/** What a form is about: where it goes, and what of which. A reason for one thing is none for another. */
export function formName(form: HTMLFormElement | null): string {
  if (form === null) return ''
  const about = [...form.querySelectorAll<HTMLInputElement>('input[type=hidden]')]
    .filter((each) => each.dataset['expect'] === undefined)
    .map(({ name, value }) => `${name}=${value}`)
  return [form.dataset['url'] ?? form.getAttribute('action') ?? '', ...about].join(' ')
}

/**
 * The form itself, or the one that came in its place while the server was asked: the page may come anew at any
 * time, and an answer is said where it is read.
 */
export function standing(form: HTMLFormElement): HTMLFormElement {
  if (form.isConnected) return form
  const name = formName(form)
  return [...document.forms].find((each) => formName(each) === name) ?? form
}

/** A field by what it is for, not by where it stands: the same in the page of before and of now. */
export function fieldName(field: Field): string {
  const choice = field.type === 'checkbox' || field.type === 'radio' ? field.value : ''
  const marks = Object.keys(field.dataset).join()
  const form = field.closest('form')
  const owner = form === null ? (field.getAttribute('form') ?? '') : formName(form)
  return [owner, field.type, field.name, field.id, choice, marks].join('\n')
}

/** As if it had been typed or chosen just now. */
export const told = (field: Field) => {
  // What follows from it (a share in words, another digest) follows again.
  for (const kind of ['input', 'change']) field.dispatchEvent(new Event(kind, { bubbles: true }))
}

interface Typed {
  name: string
  value: string
  checked: boolean
}

/** Ticked rather than typed. */
export const isChoice = (field: Field): field is HTMLInputElement =>
  field instanceof HTMLInputElement && (field.type === 'checkbox' || field.type === 'radio')

/** What was typed elsewhere than in this form, as text: for the same page when it is loaded anew. */
export function packTyped(except: HTMLFormElement): string {
  const typed = fieldsOf(document.body)
    .filter((field) => field.form !== except && isChanged(field))
    .filter(({ type }) => type !== 'file' && type !== 'password')
    .map(
      (field): Typed => ({
        ...{ name: fieldName(field), value: field.value },
        checked: isChoice(field) && field.checked
      })
    )
  return JSON.stringify(typed)
}

/** Sets again what packTyped() took, where its fields still are. */
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
    told(field)
  }
}
