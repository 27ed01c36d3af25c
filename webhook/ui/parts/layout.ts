import { assetPaths } from './assets.js'
import { html, type Markup, nothing } from './html.js'
import { icon, symbols } from './icons.js'
import type { Needs } from '../model/workloads.js'
import type { Page, View } from './page.js'

/** What stands around every page. */
export interface Chrome {
  pages: readonly Page[]
  /** Path (in Fastify's form) of the page that is shown. */
  path: string
  needs: Needs
  place: string
  user: string
  /** Nodes that other replicas of the hub tell of. */
  elsewhere: number
}

function navigation({ pages, path, needs }: Chrome): Markup {
  const shown = pages.find((page) => page.path === path)
  const current = shown?.nav === undefined ? shown?.under : shown.path
  const entry = (page: Page) => {
    const count = page.count === undefined ? 0 : needs[page.count]
    const waits =
      count === 0
        ? nothing
        : html` <span class="count">${count}<span class="vh"> need you</span></span>`
    return html`<li data-key="${page.path}"><a href="${page.path}"${page.path === current ? html` aria-current="page"` : nothing}>${page.nav}${waits}</a></li>`
  }
  return html`<nav class="nav" aria-label="Main"><ul data-live="nav">${pages.filter(({ nav }) => nav !== undefined).map(entry)}</ul></nav>`
}

function header(chrome: Chrome): Markup {
  const { needs, place, user } = chrome
  const waiting = needs.review + needs.denials + needs.nodes
  const all =
    waiting === 0
      ? html`<span class="needs none">${icon('yes')}nothing needs you</span>`
      : html`<a class="needs" href="/#needs-you">${icon('tri')}needs you: ${waiting}</a>`
  return html`<header class="top"><div><a class="brand" href="/"><svg aria-hidden="true"><use href="#logo"/></svg>Secco</a>${navigation(chrome)}
<div class="meta" data-live="needs"><span class="who" data-key="who"><bdi>${place}</bdi> · <bdi>${user}</bdi></span><button class="btn s" type="button" data-log-out data-key="out" title="${user} on ${place}">Log out</button><span data-key="needs">${all}</span></div></div></header>`
}

function head(view: View): Markup {
  const crumbs = view.crumbs ?? []
  const trail =
    crumbs.length === 0
      ? nothing
      : html`<ol class="crumbs" aria-label="Breadcrumbs">${crumbs.map(({ text, href }) => html`<li>${href === undefined ? text : html`<a href="${href}">${text}</a>`}</li>`)}</ol>`
  const facts = (view.facts ?? []).map((fact) => html`<span>${fact}</span>`)
  const live = (name: string) => (view.still === true ? nothing : html` data-live="${name}"`)
  return html`<div class="head"><div>${trail}<h1>${view.title}</h1><p class="facts"${live('facts')}>${facts}</p></div>${view.actions === undefined ? nothing : html`<div class="row actions"${live('actions')}>${view.actions}</div>`}</div>`
}

const script = html`<script src="${assetPaths.script}" type="module"></script>`

function documentOf(title: string, body: Markup): string {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>${title} · Secco</title><link rel="icon" href="${assetPaths.icon}"><link rel="stylesheet" href="${assetPaths.style}">${script}</head>
<body>${symbols}<a class="skip" href="#main">Skip to content</a>${body}<div id="notice" class="notice" role="status" aria-live="polite"></div></body></html>`
    .markup
}

/** Pages that say what runs, and what was refused: half a truth must not look like the whole. */
function partly({ pages, path, elsewhere }: Chrome): Markup {
  const shown = pages.find((page) => page.path === path)
  if (elsewhere === 0 || shown?.live !== true) return nothing
  const nodes = elsewhere === 1 ? '1 node speaks' : `${elsewhere} nodes speak`
  return html`<p class="banner warn" id="elsewhere">${icon('tri')} ${nodes} to another replica of the hub: what runs there, and what was refused there, is not on this page. All of it: <code>secco ps --kubeconfig FILE</code>, and <code>denials</code>, <code>explain</code>, <code>simulate</code>.</p>`
}

/** A whole page. */
export function pageDocument(chrome: Chrome, view: View): string {
  return documentOf(
    view.title,
    html`${header(chrome)}<main id="main">${head(view)}<noscript><p class="banner warn">${icon('tri')} JavaScript is off: everything can be read, and every action has its command to copy.</p></noscript>${partly(chrome)}${view.body}</main>`
  )
}

/** A page for somebody who is not let in: nothing of the installation is on it. */
export function messageDocument(title: string, body: Markup, refresh?: string): string {
  const to =
    refresh === undefined ? nothing : html`<meta http-equiv="refresh" content="0;url=${refresh}">`
  return documentOf(
    title,
    html`${to}<header class="top"><div><span class="brand"><svg aria-hidden="true"><use href="#logo"/></svg>Secco</span></div></header><main id="main" class="message"><section class="panel"><div class="body stack"><h1>${title}</h1>${body}</div></section></main>`
  )
}
