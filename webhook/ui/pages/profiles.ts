import { builtinProfiles } from '../../../src/seccomp/render/builtin.js'
import { isEmergency } from '../../../src/seccomp/render/emergency.js'
import { sizeOfSet } from '../../../src/syscalls/syscall-set.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { Call } from '../model/context.js'
import { html, nothing } from '../parts/html.js'
import { keyOf, profileHref } from '../model/derived.js'
import {
  commandPanel,
  counted,
  digestMark,
  empty,
  moment,
  numberText,
  pager,
  type Row,
  tag,
  table,
  pageOf
} from '../parts/parts.js'
import type { Page } from '../parts/page.js'
import { hrefWith } from './workloads.js'

const perPage = 50

function allowedNames(profile: SeccompProfile): number {
  return new Set(
    (profile.spec.seccomp?.syscalls ?? [])
      .filter(({ action }) => action === 'SCMP_ACT_ALLOW')
      .flatMap(({ names }) => names)
  ).size
}

function rowOf(profile: SeccompProfile, now: number): Row {
  const key = keyOf(profile)
  const { status, spec } = profile
  const last = status?.approvals?.at(-1)
  return {
    key,
    cells: [
      html`<a href="${profileHref(key)}"><bdi>${key}</bdi></a>${spec.workload === undefined ? nothing : html`<span class="sub"><bdi>${spec.workload.kind} ${spec.workload.name}</bdi></span>`}`,
      digestMark(status?.revision),
      html`${numberText(allowedNames(profile))}`,
      html`${numberText(sizeOfSet(status?.observed ?? {}))}`,
      html`<bdi>${spec.extends?.join(', ') ?? 'nothing'}</bdi>`,
      status?.nodes === undefined
        ? html`<span class="muted">not delivered</span>`
        : tag(
            `${status.nodes.ready} of ${status.nodes.total}`,
            status.nodes.ready === status.nodes.total ? 'ok' : 'warn',
            status.nodes.ready === status.nodes.total ? 'yes' : 'open'
          ),
      last === undefined
        ? html`<span class="muted">nobody yet</span>`
        : html`<bdi>${last.by}</bdi><span class="sub">${moment(last.at, now)}</span>`
    ]
  }
}

async function render({ ui, identity, query }: Call) {
  const { q = '', builtin = '' } = query
  const now = ui.now()
  const all =
    builtin === 'yes'
      ? builtinProfiles
      : ui.sources.profiles().filter((profile) => !isEmergency(profile))
  const found = all.filter((profile) => keyOf(profile).includes(q.toLowerCase()))
  const pages = Math.ceil(found.length / perPage)
  const page = pageOf(query['page'], pages)
  const rows = found
    .slice((page - 1) * perPage, page * perPage)
    .map((profile) => rowOf(profile, now))
  const mayImport = await identity.can('create', 'seccompprofiles')
  const importer = mayImport
    ? html`<section class="panel" id="import" aria-labelledby="h-import"><header><h2 id="h-import">Import</h2><p>OCI, docker, operator, strace, gadget: found out by itself</p></header><form class="body stack" data-import data-url="/api/v1/import"><label class="drop" data-drop><span class="strong">Drop files here, or choose them</span><span class="muted">JSON, YAML or a trace; up to 4 MB</span><input type="file" name="files" multiple></label><div class="row"><label class="field">Namespace<input type="text" name="namespace" value="default" maxlength="63"></label><label class="field">Name, for one file<input type="text" name="name" maxlength="253" placeholder="from the file"></label></div><p class="form-error" role="alert"></p><div data-import-result aria-live="polite"></div><div class="row"><button class="btn" type="submit" value="try">Look at it</button><button class="btn primary" type="submit" value="keep">Import</button></div></form></section>`
    : nothing
  const list =
    rows.length === 0
      ? html`<div class="body">${all.length === 0 ? empty('There is no profile yet.', 'They are made by the first observation of a workload, by an import below, or by secco profile apply.') : empty('No profile is called so.', html`<a href="/profiles">Show all</a>`)}</div>`
      : html`${table({ caption: builtin === 'yes' ? 'Profiles that come with Secco' : 'Profiles', columns: [{ title: 'Profile' }, { title: 'Revision' }, { title: 'Approved', num: true }, { title: 'Observed', num: true }, { title: 'Built on' }, { title: 'Nodes' }, { title: 'Approved by' }], rows, live: 'profiles' })}${pager({ page, pages, total: found.length, what: 'profiles', href: (to) => hrefWith('/profiles', { q, builtin, page: String(to) }) })}`
  return {
    title: 'Profiles',
    facts: [counted(all.length, 'profile')],
    actions: html`<a class="btn" href="/compare">Compare two</a>${builtin === 'yes' ? html`<a class="btn" href="/profiles">Your own</a>` : html`<a class="btn" href="/profiles?builtin=yes">Built in</a>`}`,
    body: html`<section class="panel"><form class="filters" role="search" aria-label="Filter profiles" method="get"><label class="field">Search<input type="search" name="q" value="${q}" placeholder="namespace/name"></label><button class="btn" type="submit">Filter</button></form></section><section class="panel">${list}</section>${importer}${commandPanel('h-cli', 'secco get profiles -A', 'secco import -f FILE | secco profile apply -f -')}`
  }
}

export const profilesPage: Page = {
  path: '/profiles',
  nav: 'Profiles',
  needs: { verb: 'list', resource: 'seccompprofiles' },
  render
}
