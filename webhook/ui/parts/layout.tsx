import {
  type MissingNode,
  missingNodesText,
  namedMissing
} from '../../confinement/containers/missing-nodes.js'
import type { ComponentChildren, VNode } from 'preact'
import { type Needs, waitingOf } from '../model/workloads.js'
import { plural } from '../../../src/lib/plural.js'
import { assetPaths } from './assets.js'
import { Icon, Symbols } from './icons.js'
import type { Page, View } from './page.js'
import { CommandOptions } from './panels.js'
import { renderMarkup } from './render.js'

/** What stands around every page. */
export interface Chrome {
  pages: readonly Page[]
  /** Path (in Fastify's form) of the page that is shown. */
  path: string
  needs: Needs
  place: string
  user: string
  /** See UiSources. */
  missing: readonly MissingNode[]
  /** See `Ui`. */
  commandOptions: string
}

function Waiting({ count }: { count: number }): VNode | null {
  if (count === 0) return null
  return (
    <>
      {' '}
      <span class="count">
        {count}
        <span class="vh">{count === 1 ? ' needs you' : ' need you'}</span>
      </span>
    </>
  )
}

function Navigation({ pages, path, needs }: Chrome): VNode {
  const shown = pages.find((page) => page.path === path)
  const current = shown?.nav === undefined ? shown?.under : shown.path
  return (
    <nav class="nav" aria-label="Main">
      <ul data-live="nav">
        {pages
          .filter(({ nav }) => nav !== undefined)
          .map((page) => (
            <li data-key={page.path}>
              <a href={page.path} aria-current={page.path === current ? 'page' : undefined}>
                {page.nav}
                <Waiting count={page.count === undefined ? 0 : needs[page.count]} />
              </a>
            </li>
          ))}
      </ul>
    </nav>
  )
}

function Logo(): VNode {
  return (
    <svg aria-hidden="true">
      <use href="#logo" />
    </svg>
  )
}

/** That nothing needs a person, and what that leaves out. */
function AllClear(needs: Needs): VNode {
  const { decided } = needs
  return (
    <span class="needs none">
      <Icon name={decided === 0 ? 'yes' : 'unconfined'} />
      nothing needs you
      {decided > 0 && <>; {plural(decided, 'stays', 'stay')} unconfined</>}
    </span>
  )
}

function Header(chrome: Chrome): VNode {
  const { needs, place, user } = chrome
  const waiting = waitingOf(needs)
  return (
    <header class="top">
      <div>
        <a class="brand" href="/">
          <Logo />
          Secco
        </a>
        <Navigation {...chrome} />
        <div class="meta" data-live="needs">
          <span class="who" data-key="who">
            <bdi>{place}</bdi> · <bdi>{user}</bdi>
          </span>
          <button
            class="btn s"
            type="button"
            data-log-out
            data-key="out"
            title={`${user} on ${place}`}
          >
            Log out
          </button>
          <span data-key="needs">
            {waiting === 0 ? (
              <AllClear {...needs} />
            ) : (
              <a class="needs" href="/#needs-you">
                <Icon name="tri" />
                needs you: {waiting}
              </a>
            )}
          </span>
        </div>
      </div>
    </header>
  )
}

function Crumbs({ crumbs }: { crumbs: NonNullable<View['crumbs']> }): VNode | null {
  if (crumbs.length === 0) return null
  return (
    <ol class="crumbs" aria-label="Breadcrumbs">
      {crumbs.map(({ text, href }) => (
        <li>{href === undefined ? text : <a href={href}>{text}</a>}</li>
      ))}
    </ol>
  )
}

function Head({ view }: { view: View }): VNode {
  const live = (name: string) => (view.still === true ? undefined : name)
  return (
    <div class="head">
      <div>
        <Crumbs crumbs={view.crumbs ?? []} />
        <h1>{view.title}</h1>
        <p class="facts" data-live={live('facts')}>
          {(view.facts ?? []).map((fact) => (
            <span>{fact}</span>
          ))}
        </p>
      </div>
      {view.actions !== undefined && (
        <div class="row actions" data-live={live('actions')}>
          {view.actions}
        </div>
      )}
    </div>
  )
}

/** Warns on pages of what runs and what was denied: a part of it must not look like all of it. */
function Partial({ pages, path, missing }: Chrome): VNode | null {
  const shown = pages.find((page) => page.path === path)
  if (shown?.live !== true) return null
  const unlisted = missing.filter(({ listed }) => !listed)
  const away = missing.filter(({ listed }) => listed)
  return (
    <div data-live="awaited">
      {unlisted.length > 0 && (
        <p class="banner warn" id="awaited">
          <Icon name="tri" /> {missingNodesText(unlisted.length)}: that, and what was denied there,
          is not on this page yet. Not known: <bdi>{namedMissing(unlisted)}</bdi>.
        </p>
      )}
      {away.length > 0 && (
        <p class="banner warn" id="away">
          <Icon name="tri" /> {plural(away.length, 'node does', 'nodes do')} not report now: what
          runs there is shown as it was. Away: <bdi>{namedMissing(away)}</bdi>.
        </p>
      )}
    </div>
  )
}

function documentOf(title: string, body: ComponentChildren): string {
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${title} · Secco`}</title>
        <link rel="icon" href={assetPaths.icon} />
        <link rel="stylesheet" href={assetPaths.style} />
        <script src={assetPaths.script} type="module" />
      </head>
      <body>
        <Symbols />
        <a class="skip" href="#main">
          Skip to content
        </a>
        {body}
        <div id="notice" class="notice" role="status" aria-live="polite" />
      </body>
    </html>
  )
  return `<!doctype html>\n${renderMarkup(page)}`
}

/** Renders a whole page. */
export function pageDocument(chrome: Chrome, view: View): string {
  return documentOf(
    view.title,
    <CommandOptions.Provider value={chrome.commandOptions}>
      <Header {...chrome} />
      <main id="main" data-command-options={chrome.commandOptions}>
        <Head view={view} />
        <noscript>
          <p class="banner warn">
            <Icon name="tri" /> JavaScript is off: everything can be read. Forms and buttons that
            change something need it and are hidden; their commands are here to copy.
          </p>
        </noscript>
        <Partial {...chrome} />
        {view.body}
      </main>
    </CommandOptions.Provider>
  )
}

/** Renders a page for somebody without a session: it shows nothing of the installation. */
export function messageDocument(title: string, body: ComponentChildren, refresh?: string): string {
  return documentOf(
    title,
    <>
      {refresh !== undefined && <meta http-equiv="refresh" content={`0;url=${refresh}`} />}
      <header class="top">
        <div>
          <span class="brand">
            <Logo />
            Secco
          </span>
        </div>
      </header>
      <main id="main" class="message">
        <section class="panel">
          <div class="body stack">
            <h1>{title}</h1>
            {body}
          </div>
        </section>
      </main>
    </>
  )
}
