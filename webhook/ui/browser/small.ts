import { ask, failureText, notice } from './api.js'
import { reloadRegions } from './live.js'

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
    notice('Copied.')
  } catch {
    notice('The browser did not let it be copied: select it by hand.')
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

/** Buttons that change nothing: copy, print, export, the end of the tour. */
export function startButtons(): void {
  document.addEventListener('click', (event) => {
    const target = event.target
    if (!(target instanceof Element)) return
    const button = target.closest<HTMLElement>(
      '[data-copy], [data-copy-text], [data-print], [data-export], [data-tour-end]'
    )
    if (button === null) return
    const { copyText, export: url } = button.dataset
    if (copyText !== undefined) void copy(copyText)
    else if (url !== undefined) void download(url)
    else if (button.dataset['copy'] !== undefined)
      void copy(button.parentElement?.querySelector('pre')?.textContent ?? '')
    else if (button.dataset['print'] !== undefined) window.print()
    else {
      localStorage.setItem('secco-tour', 'seen')
      document.querySelector('[data-tour]')?.remove()
    }
  })
}

/** The tour of the first visit. */
export function startTour(): void {
  const tour = document.querySelector<HTMLElement>('[data-tour]')
  if (tour !== null && localStorage.getItem('secco-tour') === null) tour.hidden = false
}

/** What a share of pods is, beside its slider. */
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

/** What a proposal would have refused, asked after the page is there. */
export async function startSimulation(): Promise<void> {
  const place = document.querySelector<HTMLElement>('[data-simulate]')
  if (place === null) return
  const words = document.querySelector('[data-simulate-words]')
  const answer = await ask('POST', '/api/v1/simulate', {
    profile: place.dataset['simulate'],
    profileOnly: true
  })
  if (!answer.ok) {
    if (words !== null) words.textContent = 'Not simulated: look at the evidence.'
    return
  }
  const {
    hit,
    considered,
    syscalls = []
  } = answer.data as { hit: number; considered: number; syscalls?: { name: string }[] }
  place.textContent = String(hit)
  if (words !== null) {
    const names = syscalls.slice(0, 5).map(({ name }) => name)
    const containers = `${considered} ${considered === 1 ? 'container' : 'containers'}`
    words.textContent =
      hit === 0
        ? `Tried on what ${containers} did: nothing would be refused.`
        : `Of ${containers}; calls: ${names.join(', ')}.`
  }
}

function selector(text: string): { matchLabels: Record<string, string> } | undefined {
  const pairs = text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
  if (pairs.length === 0) return undefined
  return {
    matchLabels: Object.fromEntries(pairs.map((pair) => pair.split('=', 2) as [string, string]))
  }
}

/** A rule from its form. */
export function startRules(): void {
  const form = document.querySelector<HTMLFormElement>('[data-rule]')
  form?.addEventListener('submit', (event) => {
    event.preventDefault()
    const data = new FormData(form)
    const text = (name: string) => {
      const value = data.get(name)
      return typeof value === 'string' ? value.trim() : ''
    }
    const pods = selector(text('labels'))
    const namespaces = selector(text('namespaces'))
    const containers = text('containers')
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== '')
    const [first = '', second] = text('profile').split('/', 2)
    const spec = {
      mode: text('mode'),
      whenNotReady: text('whenNotReady'),
      priority: Number(text('priority')),
      ...(pods === undefined ? {} : { podSelector: pods }),
      ...(namespaces === undefined ? {} : { namespaceSelector: namespaces }),
      ...(containers.length === 0 ? {} : { containers }),
      ...(first === ''
        ? {}
        : { profile: second === undefined ? { name: first } : { namespace: first, name: second } })
    }
    const url = `/api/v1/rules/${encodeURIComponent(text('namespace'))}/${encodeURIComponent(text('name'))}`
    void ask('PUT', url, { spec }).then((answer) => {
      const error = form.querySelector('.form-error')
      if (answer.ok) location.assign('/rules')
      else if (error !== null) error.textContent = failureText(answer.failure)
    })
  })
  const test = document.querySelector<HTMLFormElement>('[data-test]')
  test?.addEventListener('submit', (event) => {
    const text = new FormData(test).get('document')
    // A long one does not fit into an address; the usual way works without any of this.
    if (typeof text !== 'string' || text.length > 8000) return
    event.preventDefault()
    const address = new URL('/rules', location.href)
    address.searchParams.set('document', text)
    void reloadRegions(address.href, 'answer')
  })
}
