import type { Call } from '../context.js'
import { diffView } from '../diff-view.js'
import { html, nothing } from '../html.js'
import { builtinProfiles } from '../../../src/seccomp/builtin.js'
import { compareSides, sideNames } from '../model/compare.js'
import { derivedOf, keyOf } from '../model/derived.js'
import { commandPanel, empty } from '../parts.js'
import type { Page } from './page.js'

async function render({ ui, query }: Call) {
  const { left = '', right = '' } = query
  const names = [...sideNames(ui.sources), ...builtinProfiles.map(keyOf)]
  const choose = (name: string, word: string, value: string) =>
    html`<label class="field">${word}<input type="text" name="${name}" value="${value}" list="sides" required placeholder="namespace/name, …@observed, RuntimeDefault" autocomplete="off"></label>`
  const report =
    left === '' || right === ''
      ? undefined
      : await compareSides(ui.sources, derivedOf(ui.sources, ui.now()), left, right)
  const answer =
    report === undefined
      ? html`<section class="panel"><div class="body">${empty('Choose two.', 'Profiles as they render, what was observed, the revision before, RuntimeDefault, and what comes with Secco.')}</div></section>`
      : diffView(report)
  return {
    title: 'Compare',
    crumbs: [{ text: 'Profiles', href: '/profiles' }, { text: 'Compare' }],
    body: html`<section class="panel"><form class="filters" method="get" aria-label="What to compare">${choose('left', 'From', left)}${choose('right', 'To', right)}<datalist id="sides">${names.slice(0, 400).map((name) => html`<option value="${name}"></option>`)}</datalist><button class="btn primary" type="submit">Compare</button>${left === '' || right === '' ? nothing : html`<a class="btn" href="?left=${encodeURIComponent(right)}&amp;right=${encodeURIComponent(left)}">Swap</a>`}</form></section>${answer}${commandPanel('h-cli', left === '' || right === '' ? 'secco diff A B' : `secco diff ${left} ${right}`)}`
  }
}

export const comparePage: Page = {
  path: '/compare',
  under: '/profiles',
  needs: { verb: 'list', resource: 'seccompprofiles' },
  render
}
