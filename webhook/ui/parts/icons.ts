import { html, type Markup } from './html.js'

/** Shapes that say a state without its colour: the ladder, the fleet's states, verdicts. */
export const iconNames = [
  'learn',
  'audit',
  'enforce',
  'unconfined',
  'default',
  'none',
  'drift',
  'yes',
  'open',
  'tri',
  'x'
] as const
export type Icon = (typeof iconNames)[number]

/** All shapes once a page; `icon` refers to them. */
export const symbols = html`<svg width="0" height="0" class="vh" aria-hidden="true" focusable="false">
<symbol id="logo" viewBox="0 0 20 20"><path d="M10 1 18 4v6c0 5-3.600 7.900-8 9-4.400-1.100-8-4-8-9V4z" fill="none" stroke="currentColor" stroke-width="1.800"/><path d="M6 7.500h8M6 10.500h5M6 13.500h2" stroke="currentColor" stroke-width="1.800"/></symbol>
<symbol id="learn" viewBox="0 0 14 14"><circle cx="7" cy="7" r="5.500" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="3 1.600"/></symbol>
<symbol id="audit" viewBox="0 0 14 14"><circle cx="7" cy="7" r="5.500" fill="none" stroke="currentColor" stroke-width="2"/><path d="M7 1.500a5.500 5.500 0 0 0 0 11z"/></symbol>
<symbol id="enforce" viewBox="0 0 14 14"><circle cx="7" cy="7" r="6.500"/></symbol>
<symbol id="unconfined" viewBox="0 0 14 14"><path d="M2.500 2.500l9 9M11.500 2.500l-9 9" stroke="currentColor" stroke-width="2.500"/></symbol>
<symbol id="default" viewBox="0 0 14 14"><path d="M2 2h10v10H2z" fill="none" stroke="currentColor" stroke-width="2"/></symbol>
<symbol id="none" viewBox="0 0 14 14"><path d="M1.500 7h11" stroke="currentColor" stroke-width="2.500"/></symbol>
<symbol id="drift" viewBox="0 0 14 14"><path d="M1 5h12M1 9.500h12M10 1 4.500 13" stroke="currentColor" stroke-width="1.800" fill="none"/></symbol>
<symbol id="yes" viewBox="0 0 14 14"><path d="M2 7.500l3.500 3.500L12 3.500" fill="none" stroke="currentColor" stroke-width="2.200"/></symbol>
<symbol id="open" viewBox="0 0 14 14"><circle cx="7" cy="7" r="5" fill="none" stroke="currentColor" stroke-width="1.600" stroke-dasharray="2.500 1.800"/></symbol>
<symbol id="tri" viewBox="0 0 14 14"><path d="M7 1.500 13.500 12.500H.5z"/></symbol>
<symbol id="x" viewBox="0 0 14 14"><path d="M1 1h12v12H1z" fill="none" stroke="currentColor" stroke-width="1.600"/><path d="M4 4l6 6M10 4l-6 6" stroke="currentColor" stroke-width="1.800"/></symbol>
</svg>`

/** A shape beside its word; for eyes only, the word says the same. */
export function icon(name: Icon, tone: '' | 'ok' | 'warn' | 'bad' | 'acc' = ''): Markup {
  return html`<svg class="i ${tone}" aria-hidden="true"><use href="#${name}"/></svg>`
}
