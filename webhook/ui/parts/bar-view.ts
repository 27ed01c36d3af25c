import { html, type Markup, nothing } from './html.js'
import { type State, stateMark, states, stateWords } from './parts.js'

const width = 840

/** How confined everything is: one bar, its parts told apart by stripes as well as colour, and its numbers. */
export function barView(counts: Readonly<Record<State, number>>, what: string): Markup {
  const total = states.reduce((sum, state) => sum + counts[state], 0)
  let from = 0
  const parts = states.map((state) => {
    const size = total === 0 ? 0 : Math.round((counts[state] / total) * width)
    const at = from
    from += size
    if (size === 0) return nothing
    const count = Math.max(0, Math.floor((size - 6) / 14))
    const stripes = Array.from({ length: count }, (_, index) => {
      const x = at + 6 + index * 14
      if (state === 'learn') return html`<path class="stripe" d="M${x + 2} 0v24"/>`
      return state === 'audit' ? html`<path class="stripe" d="M${x} 24l10-24"/>` : nothing
    })
    return html`<rect class="m-${state}" x="${at}" width="${size}" height="24"/>${stripes}<rect class="gap" x="${at + size - 1}" width="2" height="24"/>`
  })
  const words = states.map((state) => `${counts[state]} ${stateWords[state]}`).join(', ')
  return html`<svg class="bar" viewBox="0 0 ${width} 24" preserveAspectRatio="none" role="img" aria-label="${total} ${what}: ${words}">${total === 0 ? html`<rect class="m-none" width="${width}" height="24"/>` : parts}</svg><ul class="legend">${states.map((state) => html`<li>${stateMark(state)} <b>${counts[state]}</b></li>`)}</ul>`
}
