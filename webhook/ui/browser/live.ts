import { notice, session, sessionOver } from './api.js'
import { identify } from './identity.js'
import { morphMain, morphRegion, regionOf, regionsIn, remember } from './morph.js'

/** The event after regions were updated, so that scripts apply again what a person set. */
export const replaced = 'secco:replaced'

/** Ages, and how long nothing new came, change without any change of the hub: a page is never older than this, in ms. */
const agingMs = 15_000

let loading = false
let loadedAt = performance.now()
/** Whether the page is being left: an update would come between a click and its page. */
let left = false
const isLeft = () => left
let again = false
/** Addresses that a person asked for, by region: no other answer is shown there. */
const asked = new Map<string, string>()

/** Stops updates: the next page is on its way. */
export function leave(): void {
  left = true
}

/** Loads this page again and updates its live regions, or only one of them from another address. */
export async function reloadRegions(address = location.href, only?: string): Promise<boolean> {
  if (isLeft()) return false
  if (only !== undefined) asked.set(only, address)
  else if (loading) {
    again = true
    return false
  }
  loading = true
  loadedAt = performance.now()
  try {
    // A page that loads itself does not keep its session: nobody may be there.
    const own = only === undefined ? { 'x-secco-reload': '1' } : {}
    const response = await fetch(address, { headers: { accept: 'text/html', ...own } })
    if (response.status === 401) sessionOver()
    if (!response.ok) return false
    const text = await response.text()
    if (isLeft()) return false
    const fresh = new DOMParser().parseFromString(text, 'text/html')
    identify(fresh)
    if (only === undefined) morphMain(fresh, asked.keys())
    for (const region of regionsIn(document)) {
      const name = region.getAttribute('data-live') ?? ''
      if (only !== undefined && name !== only) continue
      // A change elsewhere, or a late answer, must not replace what was asked for.
      if ((asked.get(name) ?? address) !== address) continue
      const other = regionOf(fresh, name)
      // A person who asks for something wants it, whatever is there.
      if (other !== null) morphRegion(region, other, only !== undefined)
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

const notConnected = 'not connected'
let state = 'live'

function showState(text: string): void {
  state = text
  for (const place of document.querySelectorAll('[data-live-state]')) {
    place.textContent = text
    place.classList.toggle('lost', text === notConnected)
  }
}

const retryMs = 5000

/** Follows the changes of the hub, and reconnects after errors on which a browser gives up. */
function listen(hear: { change: () => void; open: () => void; lost: () => void }): void {
  const source = new EventSource('/api/v1/changes')
  source.addEventListener('change', hear.change)
  source.addEventListener('counts', () => {
    if (document.querySelector('[data-counts]') !== null) hear.change()
  })
  source.addEventListener('open', hear.open)
  source.addEventListener('error', () => {
    hear.lost()
    if (source.readyState !== EventSource.CLOSED) return
    // The hub rejected the request: loading the page shows why (the session is over), or the hub has too many streams.
    void reloadRegions()
    setTimeout(() => {
      listen(hear)
    }, retryMs)
  })
}

/** Follows the server: after a change the page loads itself, at most once a second. */
export function startLive(): void {
  if (document.querySelector('[data-live]') === null || !('EventSource' in window)) return
  remember()
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
      showState(paused ? 'paused' : 'live')
    },
    lost: () => {
      lost = true
      showState(notConnected)
      if (session.over) return
      notice(
        'The hub does not answer: what you see may be old. The page tries again by itself.',
        true
      )
    }
  })
  setInterval(() => {
    const isOld = performance.now() - loadedAt >= agingMs
    if (isOld && !paused && !lost && !document.hidden) void reloadRegions()
  }, 1000)
  // A browser can keep the page and show it again.
  addEventListener('pageshow', () => {
    left = false
  })
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && !paused) void reloadRegions()
  })
  const showPaused = () => {
    const button = document.querySelector('[data-pause]')
    button?.setAttribute('aria-pressed', String(paused))
    if (button !== null) button.textContent = paused ? 'Go on' : 'Pause'
  }
  document.addEventListener('click', (event) => {
    if (!(event.target instanceof Element) || event.target.closest('[data-pause]') === null) return
    paused = !paused
    showPaused()
    showState(paused ? 'paused' : 'live')
    if (!paused) void reloadRegions()
  })
  // What came from the server does not know that.
  document.addEventListener(replaced, () => {
    showPaused()
    showState(state)
  })
  followTrace(() => {
    if (!paused && !document.hidden) void reloadRegions()
  })
}

/**
 * Follows the stream of a running trace, whose counts change without a change of any object. A trace goes on while
 * somebody follows it, also in a window that is hidden.
 */
function followTrace(hear: () => void): void {
  const address = document.querySelector('[data-follow]')?.getAttribute('data-follow')
  if (address === null || address === undefined) return
  const source = new EventSource(address)
  source.addEventListener('trace', hear)
  source.addEventListener('end', () => {
    source.close()
    void reloadRegions()
  })
}
