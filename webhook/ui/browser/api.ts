import { capitalised, withOptionsInText } from '../../../src/lib/printed-commands.js'
import { plainTimes } from '../model/plain-times.js'
import { isAnythingTyped } from './fields.js'

/** An error of the server, or that it did not answer. */
export interface Failure {
  code: string
  message: string
  hint: string
}

export type Answer = { ok: true; data: Record<string, unknown> } | { ok: false; failure: Failure }

const silent: Failure = {
  code: 'UNAVAILABLE',
  message: 'the hub does not answer',
  hint: 'see whether it runs, then try again'
}

/** What a change whose answer was lost may have done. */
const lostAnswer: Failure = {
  code: 'UNAVAILABLE',
  message: 'the hub does not answer; the change may have been stored',
  hint: 'load this page again to see whether it was, then try again'
}

/** Sends one request to the API. Bodies are JSON; no cross-site form can send the header. */
export async function ask(method: string, url: string, body?: unknown): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method,
      headers: {
        'x-secco': '1',
        ...(body === undefined ? {} : { 'content-type': 'application/json' })
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    const data = (await response.json()) as Record<string, unknown>
    if (response.ok) return { ok: true, data }
    // At the log-in there is no session yet: the error about a wrong token is shown at its field.
    if (response.status === 401 && url !== '/api/v1/session') sessionOver()
    return { ok: false, failure: { ...silent, ...(data as Partial<Failure>) } }
  } catch {
    return { ok: false, failure: method === 'GET' ? silent : lostAnswer }
  }
}

/** Returns a sentence of Secco's own, whose commands reach the hub of the page: see `Sentence` of the parts. */
export function sentence(text: string): string {
  const secco = document.getElementById('main')?.dataset['commandOptions'] ?? ''
  return plainTimes(withOptionsInText(text, { secco, kubectl: '' }))
}

export function failureText({ code, message, hint }: Failure): string {
  return `${message} (${code}). ${capitalised(sentence(hint))}`
}

/** Shows the box that forces the change of a form, where the API has said that it is needed. A box that is shown stays. */
export function showForce(form: HTMLElement, { message }: Failure): void {
  const box = form.querySelector<HTMLElement>('[data-force]')
  if (box !== null && message.startsWith('force:')) box.hidden = false
}

/** Shows a notice for some seconds, for screen readers too. */
export function notice(text: string, stays = false): void {
  const place = document.getElementById('notice')
  if (place === null) return
  place.textContent = text
  place.classList.toggle('on', text !== '')
  if (!stays && text !== '') setTimeout(() => place.textContent === text && notice(''), 6000)
}

/** Whether the server answered that the session is over. */
export const session = { over: false }

/** Shows the log-in instead of the page. A page with typed text stays: another tab can log in for it. */
export function sessionOver(): void {
  session.over = true
  if (!isAnythingTyped()) location.reload()
  else
    notice(
      'Your session is over. Log in in another tab, then go on here: what you typed is still there.',
      true
    )
}
