import { ask, failureText, notice } from './api.js'
import { reloadRegions, replaced } from './live.js'

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
    notice('Copied.')
  } catch {
    notice('The browser did not allow the copy: select the text by hand.')
  }
}

async function download(url: string): Promise<void> {
  const answer = await ask('GET', url)
  if (!answer.ok) {
    notice(failureText(answer.failure))
    return
  }
  const { file, text } = answer.data as { file: string; text: string }
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text]))
  link.download = file
  link.click()
  URL.revokeObjectURL(link.href)
}

async function logOut(): Promise<void> {
  const answer = await ask('DELETE', '/api/v1/session')
  if (answer.ok) location.assign('/login')
  else notice(failureText(answer.failure))
}

/** Shows the current page among the pages where only some of them fit on a phone. */
export function startNavigation(): void {
  const current = document.querySelector('.nav [aria-current]')
  current?.scrollIntoView({ block: 'nearest', inline: 'center' })
}

/** Starts the buttons that change nothing: copy, print, export, the end of the tour and of the session. */
export function startButtons(): void {
  document.addEventListener('click', (event) => {
    const target = event.target
    if (!(target instanceof Element)) return
    const button = target.closest<HTMLElement>(
      '[data-copy], [data-copy-text], [data-print], [data-export], [data-tour-end], [data-log-out]'
    )
    if (button === null) return
    const { copyText, export: url } = button.dataset
    if (copyText !== undefined) void copy(copyText)
    else if (url !== undefined) void download(url)
    else if (button.dataset['copy'] !== undefined)
      void copy(button.parentElement?.querySelector('pre')?.textContent ?? '')
    else if (button.dataset['print'] !== undefined) window.print()
    else if (button.dataset['logOut'] !== undefined) void logOut()
    else {
      localStorage.setItem('secco-tour', 'seen')
      document.querySelector('[data-tour]')?.remove()
    }
  })
}

/** Shows the tour of the first visit. */
export function startTour(): void {
  const show = () => {
    const tour = document.querySelector<HTMLElement>('[data-tour]')
    if (tour !== null && localStorage.getItem('secco-tour') === null) tour.hidden = false
  }
  show()
  document.addEventListener(replaced, show)
}

/** Shows how many containers the share of a slider is. */
export function startSliders(): void {
  document.addEventListener('input', (event) => {
    const field = event.target
    if (!(field instanceof HTMLInputElement) || field.type !== 'range') return
    const total = Number(field.dataset['total'] ?? '1')
    const output = document.querySelector(`output[for="${CSS.escape(field.id)}"]`)
    if (output === null) return
    const share = Math.ceil((total * Number(field.value)) / 100)
    output.textContent = `${field.value} %, ${share} of ${total} ${total === 1 ? 'container' : 'containers'}`
  })
}

const settleMs = 200

/** Loads the names that contain the typed text: there can be thousands. */
export function startSides(): void {
  let wait: ReturnType<typeof setTimeout> | undefined
  document.addEventListener('input', (event) => {
    const field = event.target
    if (!(field instanceof HTMLInputElement) || field.dataset['sides'] === undefined) return
    clearTimeout(wait)
    wait = setTimeout(() => {
      const address = new URL(location.href)
      address.searchParams.set('q', field.value)
      void reloadRegions(address.href, 'sides')
    }, settleMs)
  })
}
