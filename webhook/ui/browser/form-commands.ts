import {
  commandParts,
  formCommand,
  type FormValues,
  placedCommand
} from '../model/form-commands.js'
import { bodyOf } from './actions.js'
import { replaced } from './live.js'

/** Writes the command of one form, with what is entered there. */
function update(box: HTMLElement): void {
  const { formCommand: kind = '', of = '', known = '{}' } = box.dataset
  const form = [...document.forms].find((each) => each.dataset['commandForm'] === of)
  const pre = box.querySelector('pre')
  if (form === undefined || pre === null) return
  const values = { ...(JSON.parse(known) as FormValues), ...bodyOf(form, null) }
  const options = document.getElementById('main')?.dataset['commandOptions'] ?? ''
  const text = placedCommand(formCommand(kind, values), options)
  box.hidden = text === ''
  if (pre.textContent === text) return
  pre.replaceChildren(
    ...commandParts(text).map((part) => {
      if (!part.startsWith('-')) return part
      const word = document.createElement('span')
      word.className = 'word'
      word.textContent = part
      return word
    })
  )
}

/** Keeps the commands beside forms as the forms are filled in. */
export function startFormCommands(): void {
  const all = () => {
    for (const box of document.querySelectorAll<HTMLElement>('[data-form-command]')) update(box)
  }
  all()
  for (const event of ['input', 'change', replaced]) document.addEventListener(event, all)
}
