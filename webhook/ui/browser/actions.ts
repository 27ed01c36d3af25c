import { confirmWords } from '../../confinement/what-if/block-words.js'
import { answerLines } from './answer-lines.js'
import { type Answer, ask, failureText, notice, sentence, showForce } from './api.js'
import { packTyped, standing, unpackTyped } from './fields.js'
import { leave } from './live.js'

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement | HTMLButtonElement

function valueOf(field: Field): unknown {
  switch (field.dataset['kind']) {
    case 'number':
      return Number(field.value)
    case 'boolean':
      return field.value === 'true'
    default:
      return field.value
  }
}

/** Returns the form as the JSON that its endpoint takes. A list gathers every checked field of its name. */
export function bodyOf(
  form: HTMLFormElement,
  submitter: HTMLElement | null
): Record<string, unknown> {
  const body: Record<string, unknown> = {}
  for (const element of form.elements) {
    const isField =
      element instanceof HTMLInputElement ||
      element instanceof HTMLSelectElement ||
      element instanceof HTMLTextAreaElement ||
      element instanceof HTMLButtonElement
    if (!isField || element.name === '' || element.disabled) continue
    if (element instanceof HTMLButtonElement && element !== submitter) continue
    const choice =
      element instanceof HTMLInputElement && ['checkbox', 'radio'].includes(element.type)
    const on = !choice || element.checked
    if (element.dataset['kind'] === 'list') {
      const list = (body[element.name] ??= []) as string[]
      if (on) list.push(element.value)
    } else if (on && element.value !== '') body[element.name] = valueOf(element)
  }
  return body
}

function showError(form: HTMLFormElement, text: string): void {
  const place = form.querySelector('.form-error')
  // The form may be gone with what it was about: then the error is a notice.
  if (place !== null && form.isConnected) place.textContent = text
  else notice(text)
}

function showAnswer(form: HTMLFormElement, data: Record<string, unknown>): void {
  let place = form.querySelector<HTMLElement>('pre.answer')
  if (place === null) {
    place = document.createElement('pre')
    place.className = 'doc answer'
    place.tabIndex = 0
    form.append(place)
  }
  place.textContent = ['Tried, nothing was changed:', ...answerLines(data).map(sentence)].join('\n')
}

/** Shows the button that does what was tried. Enter in a field tries again: the first button of a form counts. */
function showConfirm(form: HTMLFormElement, data: Record<string, unknown>): void {
  let button = form.querySelector<HTMLButtonElement>('[data-confirm-tried]')
  if (button === null) {
    button = document.createElement('button')
    button.type = 'submit'
    button.className = 'btn danger'
    button.dataset['confirmTried'] = ''
    form.append(button)
  }
  button.textContent = confirmWords(data)
  // The next Tab leads to the button, after what there is to read.
  form.querySelector<HTMLElement>('pre.answer')?.focus()
}

/** Takes back what was tried: the form is about something else now. */
function dropTried(form: HTMLFormElement): void {
  for (const part of form.querySelectorAll('pre.answer, [data-confirm-tried]')) part.remove()
}

/** Goes on: reloads, or opens a path whose `:name` parts the answer fills. */
function follow(form: HTMLFormElement, data: Record<string, unknown>): void {
  const { then = 'reload' } = form.dataset
  leave()
  if (then === 'reload') {
    sessionStorage.setItem('typed', JSON.stringify([location.pathname, packTyped(form)]))
    location.reload()
  } else
    location.assign(
      then.replace(/:(\w+)/g, (_whole, name: string) => encodeURIComponent(String(data[name])))
    )
}

function confirmed(form: HTMLFormElement): boolean {
  const wanted = form.dataset['confirm']
  if (wanted === undefined) return true
  const field = form.querySelector<HTMLInputElement>('[data-confirm-field]')
  if (field === null) return window.confirm(`Delete ${wanted}?`)
  if (field.value === wanted) return true
  showError(form, `type ${wanted} to go on`)
  field.focus()
  return false
}

async function send(form: HTMLFormElement, submitter: HTMLElement | null): Promise<void> {
  if (!confirmed(form)) return
  const { url = '', method = 'POST' } = form.dataset
  const buttons = [...form.querySelectorAll('button')]
  const body = bodyOf(form, submitter)
  showError(form, '')
  for (const button of buttons) button.disabled = true
  const answer: Answer = await ask(method, url, method === 'DELETE' ? undefined : body)
  for (const button of buttons) button.disabled = false
  const here = standing(form)
  if (!answer.ok) {
    showError(here, failureText(answer.failure))
    const newer = here.querySelector<HTMLElement>('[data-newer]')
    if (newer !== null) newer.hidden = answer.failure.code !== 'CONFLICT'
    showForce(here, answer.failure)
  } else if (body['dryRun'] === true) {
    showAnswer(here, answer.data)
    if (here.dataset['tried'] !== undefined) showConfirm(here, answer.data)
  } else {
    sessionStorage.setItem('notice', 'Done.')
    follow(here, answer.data)
  }
}

/** Disables the button of a review while no box is ticked, and shows why. */
function showNothingTicked(form: HTMLFormElement): void {
  const words = form.querySelector<HTMLElement>('[data-nothing-ticked]')
  const button = form.querySelector<HTMLButtonElement>('button[type=submit]')
  if (words === null || button === null) return
  const isTicked = [...form.elements].some((each) => each.matches('[type=checkbox]:checked'))
  words.hidden = isTicked
  button.disabled = !isTicked
}

/** Takes back the tick of the other box for a call: it is either allowed or stays denied. */
function untickOther({ form, checked, name, value }: HTMLInputElement): void {
  const others = { allow: 'deny', deny: 'allow' } as Record<string, string>
  if (!checked || form === null) return
  for (const other of form.elements) {
    const isOther =
      other instanceof HTMLInputElement && other.name === others[name] && other.value === value
    if (isOther) other.checked = false
  }
}

/** Loads the page again with what it shows now. What a person typed, also in the form, stays. */
function showNewer(): void {
  leave()
  sessionStorage.setItem('typed', JSON.stringify([location.pathname, packTyped()]))
  location.reload()
}

/** Starts the forms that change something: they send JSON to their endpoint and show the answer or error. */
export function startActions(): void {
  document.addEventListener('submit', (event) => {
    const form = event.target
    if (!(form instanceof HTMLFormElement) || form.dataset['action'] === undefined) return
    event.preventDefault()
    void send(form, event.submitter)
  })
  document.addEventListener('click', (event) => {
    if (event.target instanceof Element && event.target.closest('[data-newer]') !== null)
      showNewer()
  })
  document.addEventListener('input', ({ target }) => {
    if (!(target instanceof HTMLInputElement) || target.form?.dataset['tried'] === undefined) return
    // A reason can be completed after the figures were read.
    if (target.name !== 'reason') dropTried(target.form)
  })
  // Another choice is another revision: the digest that was shown would not be approved any more.
  document.addEventListener('change', (event) => {
    const field = event.target
    if (!(field instanceof HTMLInputElement) || field.type !== 'checkbox' || field.form === null)
      return
    const expect = field.form.querySelector<HTMLInputElement>('[data-expect]')
    if (expect === null) return
    untickOther(field)
    expect.value = ''
    const shown = field.form.querySelector('[data-digest]')
    if (shown !== null) shown.textContent = 'the ticked calls'
    showNothingTicked(field.form)
  })
  const kept = sessionStorage.getItem('typed')
  if (kept !== null) {
    sessionStorage.removeItem('typed')
    const [path, typed] = JSON.parse(kept) as [string, string]
    if (path === location.pathname) unpackTyped(typed)
  }
  const text = sessionStorage.getItem('notice')
  if (text !== null) {
    sessionStorage.removeItem('notice')
    notice(text)
  }
}
