import type { Call, Ui } from '../model/context.js'
import { diffView } from '../parts/diff-view.js'
import { html, type Markup, nothing } from '../parts/html.js'
import { builtinProfiles } from '../../../src/seccomp/render/builtin.js'
import { compareSides, sideNames } from '../model/compare.js'
import { derivedOf, keyOf } from '../model/derived.js'
import { commandPanel, empty } from '../parts/parts.js'
import type { Page } from '../parts/page.js'
import { hrefWith } from './workloads.js'

const perPage = 50
const mostSides = 60

/** Names to choose from: those with these words in them, as many as a person reads. */
function sidesFor(ui: Ui, words: string): Markup {
  const all = [...sideNames(ui.sources), ...builtinProfiles.map(keyOf)]
  const found = all.filter((name) => name.toLowerCase().includes(words.toLowerCase()))
  return html`<datalist id="sides" data-live="sides">${found.slice(0, mostSides).map((name) => html`<option value="${name}"></option>`)}</datalist>`
}

async function render({ ui, query }: Call) {
  const { left = '', right = '', q = '' } = query
  const choose = (name: string, word: string, value: string) =>
    html`<label class="field">${word}<input type="text" name="${name}" value="${value}" list="sides" required data-sides placeholder="namespace/name, …@observed, RuntimeDefault" autocomplete="off"></label>`
  const report =
    left === '' || right === ''
      ? undefined
      : await compareSides(ui.sources, derivedOf(ui.sources, ui.now()), left, right)
  const answer =
    report === undefined
      ? html`<section class="panel"><div class="body">${empty('Choose two.', 'Profiles as they render, what was observed, the revision before, RuntimeDefault, and what comes with Secco.')}</div></section>`
      : diffView(report, {
          page: query['page'],
          perPage,
          href: (page) => hrefWith('/compare', { left, right, page: String(page) })
        })
  return {
    title: 'Compare',
    crumbs: [{ text: 'Profiles', href: '/profiles' }, { text: 'Compare' }],
    body: html`<section class="panel"><form class="filters" method="get" aria-label="What to compare">${choose('left', 'From', left)}${choose('right', 'To', right)}${sidesFor(ui, q)}<button class="btn primary" type="submit">Compare</button>${left === '' || right === '' ? nothing : html`<a class="btn" href="?left=${encodeURIComponent(right)}&amp;right=${encodeURIComponent(left)}">Swap</a>`}</form></section>${answer}${commandPanel('h-cli', left === '' || right === '' ? 'secco diff A B' : `secco diff ${left} ${right}`)}`
  }
}

export const comparePage: Page = {
  path: '/compare',
  under: '/profiles',
  needs: { verb: 'list', resource: 'seccompprofiles' },
  render
}
