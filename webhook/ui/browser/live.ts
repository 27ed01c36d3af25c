import { notice, session, sessionOver } from './api.js'
import { refresh, remember, replaceMain } from './take-over.js'

/** Told after a region was replaced: what the person had set there is set again. */
export const replaced = 'secco:replaced'

let loading = false
/** The page is being left: a new one of it would be gone under the next click. */
let left = false
const isLeft = () => left
let again = false
/** What a person asked for, by region: the address whose answer is wanted there, and no other. */
const asked = new Map<string, string>()

/** Nothing is taken over any more: the next page is on its way. */
export function leave(): void {
  left = true
}

/** Asks for this very page again and takes over its live regions, or for one of them at another address. */
export async function reloadRegions(address = location.href, only?: string): Promise<boolean> {
  if (isLeft()) return false
  if (only !== undefined) asked.set(only, address)
  else if (loading) {
    again = true
    return false
  }
  loading = true
  try {
    const response = await fetch(address, { headers: { accept: 'text/html' } })
    if (response.status === 401) sessionOver()
    if (!response.ok) return false
    const text = await response.text()
    if (isLeft()) return false
    const fresh = new DOMParser().parseFromString(text, 'text/html')
    if (only === undefined) replaceMain(fresh, asked.keys())
    for (const region of document.querySelectorAll('[data-live]')) {
      const name = region.getAttribute('data-live') ?? ''
      if (only !== undefined && name !== only) continue
      // A change elsewhere, or an answer that comes late, must not take away what was asked for.
      if ((asked.get(name) ?? address) !== address) continue
      const other = fresh.querySelector(`[data-live="${CSS.escape(name)}"]`)
      // Who asks for something wants it, whatever stands there.
      if (other !== null) refresh(region, other, only !== undefined)
    }
    document.dispatchEvent(new Event(replaced))
    return true
  } catch {
    return false
  } finally {
    loading = false
    if (again) {
      again = false
      setTimeout(() => void reloadRegions(), 250)
    }
  }
}

let state = 'live'

function sayState(text: string): void {
  state = text
  for (const place of document.querySelectorAll('[data-live-state]')) place.textContent = text
}

const retryMs = 5000

/** Hears of changes, and goes on trying when the hub goes away; a browser alone gives up on a refusal. */
function listen(hear: { change: () => void; open: () => void; lost: () => void }): void {
  const source = new EventSource('/api/v1/changes')
  source.addEventListener('change', hear.change)
  source.addEventListener('open', hear.open)
  source.addEventListener('error', () => {
    hear.lost()
    if (source.readyState !== EventSource.CLOSED) return
    // Refused: the page itself knows why (a session that is over), or it is too much for the hub now.
    void reloadRegions()
    setTimeout(() => {
      listen(hear)
    }, retryMs)
  })
}

/** Follows the server: each change makes the page ask for itself, at most once a second. */
export function startLive(): void {
  if (document.querySelector('[data-live]') === null || !('EventSource' in window)) return
  remember(document)
  let paused = false
  let lost = false
  listen({
    change: () => {
      if (!paused && !document.hidden) void reloadRegions()
    },
    open: () => {
      session.over = false
      if (lost) {
        notice('')
        void reloadRegions()
      }
      lost = false
      sayState(paused ? 'paused' : 'live')
    },
    lost: () => {
      lost = true
      sayState('not connected')
      if (session.over) return
      notice('The hub does not answer: what you see may be old. It is tried again by itself.', true)
    }
  })
  // A browser may keep the page and show it again.
  addEventListener('pageshow', () => {
    left = false
  })
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && !paused) void reloadRegions()
  })
  const sayPaused = () => {
    const button = document.querySelector('[data-pause]')
    button?.setAttribute('aria-pressed', String(paused))
    if (button !== null) button.textContent = paused ? 'Go on' : 'Pause'
  }
  document.addEventListener('click', (event) => {
    if (!(event.target instanceof Element) || event.target.closest('[data-pause]') === null) return
    paused = !paused
    sayPaused()
    sayState(paused ? 'paused' : 'live')
    if (!paused) void reloadRegions()
  })
  // What was taken over from the server knows nothing of that.
  document.addEventListener(replaced, () => {
    sayPaused()
    sayState(state)
  })
  // Counts of a running trace come without a change of any object.
  const poll = () => {
    const running = document.querySelector('[data-poll="yes"]')
    if (running === null) return
    if (!paused && !document.hidden) void reloadRegions()
    setTimeout(poll, 1000)
  }
  poll()
}
