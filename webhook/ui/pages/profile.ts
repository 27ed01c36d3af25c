import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { plural } from '../../../src/lib/plural.js'
import { SeccoError } from '../../../src/lib/errors.js'
import { builtinProfile, builtinProfiles } from '../../../src/seccomp/render/builtin.js'
import { lintSeccomp } from '../../../src/seccomp/lint/lint.js'
import { bySeverity } from '../../../src/seccomp/lint/lint-finding.js'
import { serializeDocument } from '../../../src/api/parse.js'
import { reasonLine } from '../../../src/seccomp/policy/why.js'
import type { Call } from '../model/context.js'
import { html, type Markup, nothing } from '../parts/html.js'
import { derivedOf, keyOf, profileHref, workloadHref } from '../model/derived.js'
import { commandPanel, digestMark, empty, moment, table, tag } from '../parts/parts.js'
import { historyPanel, riskPanel } from '../parts/workload-parts.js'
import type { Page } from '../parts/page.js'

function provenance(
  reasons: Readonly<
    Record<
      string,
      readonly { kind: string; text: string; by?: string | undefined; at?: string | undefined }[]
    >
  >,
  allowed: ReadonlySet<string>
): Markup {
  const rows = Object.entries(reasons).map(([name, list]) => ({
    key: name,
    cells: [
      html`<span class="mono">${name}</span>`,
      allowed.has(name) ? tag('allowed', 'ok', 'yes') : tag('answered otherwise', '', 'none'),
      html`<ul>${list.map((reason) => html`<li><bdi>${reasonLine(reason)}</bdi></li>`)}</ul>`
    ]
  }))
  return html`<section class="panel"><details><summary class="pad">Provenance: why each of ${plural(rows.length, 'call')} is as it is</summary>${table({ caption: 'Provenance', columns: [{ title: 'Syscall' }, { title: 'Treated' }, { title: 'Because' }], rows })}</details></section>`
}

/** What people wrote: without what the store and the hub know of it. */
function ownDocument({ apiVersion, kind, metadata, spec }: SeccompProfile): SeccompProfile {
  const { name, namespace, labels, annotations } = metadata
  const kept = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations })
  }
  return { apiVersion, kind, metadata: kept, spec }
}

async function render({ ui, identity, params }: Call) {
  const key = `${params['namespace'] ?? ''}/${params['name'] ?? ''}`
  const derived = derivedOf(ui.sources, ui.now())
  const own = derived.byKey.get(key)
  const profile = own ?? builtinProfile(params['namespace'] ?? '', params['name'] ?? '')
  if (profile === undefined) {
    throw new SeccoError('NOT_FOUND', `there is no profile ${key}`, {
      hint: 'choose one from the list of profiles'
    })
  }
  const now = ui.now()
  const { rendering, problem } = derived.rendering(profile)
  const review = derived.review(profile)
  const mayUpdate =
    own !== undefined &&
    (await identity.can('update', 'seccompprofiles', params['namespace'], params['name']))
  const mayDelete =
    own !== undefined &&
    (await identity.can('delete', 'seccompprofiles', params['namespace'], params['name']))
  const parents = profile.spec.extends ?? []
  const possible = [...builtinProfiles, ...ui.sources.profiles()]
    .map(keyOf)
    .filter((each) => each !== key && !parents.includes(each))
    .slice(0, 200)
  const extend = html`<section class="panel" aria-labelledby="h-ext"><header><h2 id="h-ext">Built on</h2><p>their calls are added when it renders</p></header><div class="body stack">${parents.length === 0 ? html`<p class="muted">Nothing: only base and what was approved.</p>` : html`<ul class="list tight">${parents.map((parent) => html`<li><a href="${profileHref(parent.includes('/') ? parent : `${params['namespace'] ?? ''}/${parent}`)}"><bdi>${parent}</bdi></a>${mayUpdate ? html`<form class="inline" data-action data-url="/api/v1/profiles/${key}/extends" data-then="reload"><input type="hidden" name="remove" data-kind="list" value="${parent}"><button class="btn s" type="submit">Take away<span class="vh"> ${parent}</span></button></form>` : nothing}</li>`)}</ul>`}${mayUpdate ? html`<form class="stack tight" data-action data-url="/api/v1/profiles/${key}/extends" data-then="reload"><div class="field"><label for="parent">Add a base</label><select id="parent" name="add" data-kind="list">${possible.map((each) => html`<option>${each}</option>`)}</select></div><p class="form-error" role="alert"></p><button class="btn" type="submit">Add</button></form>` : nothing}</div></section>`
  const findings =
    profile.spec.seccomp === undefined ? [] : bySeverity(lintSeccomp(profile.spec.seccomp, 'spec'))
  const lint = html`<section class="panel" aria-labelledby="h-lint"><header><h2 id="h-lint">Lint</h2><p>${findings.length === 0 ? 'nothing found' : plural(findings.length, 'finding')}</p></header><div class="body">${findings.length === 0 ? html`<p class="muted">Nothing is wrong or surprising.</p>` : html`<ul class="list tight">${findings.slice(0, 20).map(({ subject, message, severity }) => html`<li><span>${tag(severity, severity === 'error' ? 'bad' : 'warn')} <b>${subject}</b> ${message}</span></li>`)}</ul>`}</div></section>`
  const document = serializeDocument(ownDocument(profile))
  const formats = [
    ['oci', 'OCI JSON'],
    ['yaml', 'YAML'],
    ['spo', 'for the operator']
  ] as const
  const exporting = html`<section class="panel no-print" aria-labelledby="h-exp"><header><h2 id="h-exp">Export</h2></header><div class="body row">${formats.map(([format, word]) => html`<button class="btn" type="button" data-export="/api/v1/profiles/${key}/export?format=${format}">${word}</button>`)}</div></section>`
  const allowed = new Set(
    (rendering?.seccomp.syscalls ?? [])
      .filter(({ action }) => action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG')
      .flatMap(({ names }) => names)
  )
  const body = html`${problem === undefined ? nothing : html`<p class="banner bad" role="alert">It cannot be rendered: ${problem}</p>`}<div class="three">${extend}${riskPanel(review)}${lint}</div>${historyPanel(profile, now)}${rendering === undefined ? html`<section class="panel"><div class="body">${empty('There is no provenance.', 'It comes with a rendering.')}</div></section>` : provenance(rendering.reasons, allowed)}<section class="panel" aria-labelledby="h-doc"><header><h2 id="h-doc">The document</h2><p>what people approved; status is left out</p></header><div class="body stack"><pre class="doc tall" tabindex="0">${document}</pre>${mayUpdate ? html`<details><summary>Edit</summary><form class="stack" data-action data-method="PUT" data-url="/api/v1/profiles/${key}" data-then="reload"><div class="field"><label for="doc">YAML</label><textarea id="doc" name="document" rows="18" spellcheck="false">${document}</textarea></div><p class="form-error" role="alert"></p><button class="btn primary" type="submit">Apply</button></form></details>` : nothing}</div></section>${exporting}${mayDelete ? html`<section class="panel no-print" aria-labelledby="h-del"><header><h2 id="h-del">Delete</h2></header><form class="body stack tight" data-action data-method="DELETE" data-url="/api/v1/profiles/${key}" data-then="/profiles" data-confirm="${profile.metadata.name}"><p class="muted">Running containers keep their filter; new ones get what their rule says when a profile is missing.</p><div class="field"><label for="confirm">Type ${profile.metadata.name} to delete it</label><input type="text" id="confirm" autocomplete="off" data-confirm-field></div><p class="form-error" role="alert"></p><button class="btn danger narrow-btn" type="submit">Delete</button></form></section>` : nothing}${commandPanel('h-cli', `secco profile show ${key}`, `secco profile export ${key}`)}`
  const ready = profile.status?.conditions?.find(({ type }) => type === 'Ready')
  return {
    title: key,
    still: true,
    crumbs: [{ text: 'Profiles', href: '/profiles' }, { text: key }],
    facts: [
      html`revision ${digestMark(profile.status?.revision)}`,
      profile.spec.workload === undefined
        ? 'learns from nothing'
        : html`<a href="${workloadHref(key)}"><bdi>${profile.spec.workload.kind} ${profile.spec.workload.name}</bdi></a>`,
      own === undefined
        ? 'comes with Secco'
        : ready === undefined
          ? 'not delivered yet'
          : html`${ready.status === 'True' ? 'ready' : ready.message}, ${moment(ready.lastTransitionTime, now)}`
    ],
    actions: html`<a class="btn" href="/compare?left=RuntimeDefault&amp;right=${encodeURIComponent(key)}">Compare</a><button class="btn" type="button" data-print>Print</button>`,
    body
  }
}

export const profilePage: Page = {
  path: '/profiles/:namespace/:name',
  live: true,
  under: '/profiles',
  needs: { verb: 'get', resource: 'seccompprofiles' },
  render
}
