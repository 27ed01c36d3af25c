import { rootNamespace } from '../../../src/api/names.js'
import { toSeccoError } from '../../../src/lib/errors.js'
import { type CheckResult, checkObject, readObjects } from '../../admission/check-pod.js'
import type { Call } from '../model/context.js'
import { html, type Markup, nothing } from '../parts/html.js'
import { icon } from '../parts/icons.js'
import type { InventoryItem } from '../model/inventory.js'
import type { Containers } from '../model/containers.js'
import { profileHref } from '../model/derived.js'
import { type RuleLine, ruleLines, selectorText } from '../model/rules.js'
import {
  command,
  commandPanel,
  empty,
  counted,
  pager,
  stateMark,
  tag,
  table,
  pageOf
} from '../parts/parts.js'
import { fieldsOf, ruleForm } from '../parts/rule-form-view.js'
import type { Page } from '../parts/page.js'

const perPage = 50
const example = `apiVersion: v1
kind: Pod
metadata:
  name: test
  namespace: shop
  labels: {app: checkout}
spec:
  containers:
    - {name: app, image: shop/checkout:2.4}
`

/** A pod like a live one, as far as its satellite tells. */
function podOf(item: InventoryItem): string {
  const name = JSON.stringify(item.pod === '' ? item.name : item.pod)
  return `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n  namespace: ${JSON.stringify(item.namespace)}\n  labels: {}\nspec:\n  containers:\n    - {name: ${JSON.stringify(item.name)}, image: ${JSON.stringify(item.image)}}\n`
}

interface May {
  write: boolean
  remove: boolean
}

function actionsOf({ key, rule }: RuleLine, may: May): Markup {
  const whose = html`<span class="vh"> ${rule.metadata.name}</span>`
  const change =
    may.write && fieldsOf(rule) !== undefined
      ? html`<a class="btn s" href="/rules?change=${encodeURIComponent(key)}#new">Change${whose}</a>`
      : nothing
  const remove = may.remove
    ? html`<form class="inline" data-action data-method="DELETE" data-url="/api/v1/rules/${key}" data-then="reload" data-confirm="${rule.metadata.name}"><button class="btn s" type="submit">Delete${whose}</button></form>`
    : nothing
  return may.write || may.remove
    ? html`<div class="row">${change}${remove}</div>`
    : html`<span class="muted">–</span>`
}

function row(line: RuleLine, may: May) {
  const { key, rule, shadowedBy, problems } = line
  const { spec, metadata } = rule
  const namespace = metadata.namespace ?? rootNamespace
  const profile =
    spec.profile === undefined
      ? undefined
      : `${spec.profile.namespace ?? namespace}/${spec.profile.name}`
  const notes = [
    ...(shadowedBy === undefined ? [] : [tag(`shadowed by ${shadowedBy}`, 'warn')]),
    ...problems.map(
      (message) => html`${tag('problem', 'bad')}<span class="sub bad"><bdi>${message}</bdi></span>`
    )
  ]
  return {
    key,
    attention:
      problems.length > 0
        ? ('bad' as const)
        : shadowedBy === undefined
          ? ('' as const)
          : ('warn' as const),
    cells: [
      html`${spec.priority ?? 0}`,
      html`<bdi>${metadata.name}</bdi><span class="sub">${namespace}</span>`,
      html`<bdi class="mono">${selectorText(spec.podSelector)}</bdi><span class="sub">namespaces: <bdi>${namespace === rootNamespace ? (spec.namespaceSelector === undefined ? 'all' : selectorText(spec.namespaceSelector)) : namespace}</bdi></span>`,
      html`<bdi class="mono">${spec.containers?.join(', ') ?? '*'}</bdi>${spec.images === undefined ? nothing : html`<span class="sub">images: <bdi>${spec.images.join(', ')}</bdi></span>`}`,
      profile === undefined
        ? html`<span class="muted">its own</span>`
        : html`<a class="mono" href="${profileHref(profile)}"><bdi>${profile}</bdi></a>`,
      stateMark(spec.mode),
      html`${spec.whenNotReady ?? 'RuntimeDefault'}`,
      notes.length === 0 ? html`<span class="muted">none</span>` : html`${notes}`,
      actionsOf(line, may)
    ]
  }
}

const outcomes = {
  assigned: 'enforce',
  learn: 'learn',
  'runtime-default': 'default',
  kept: 'none',
  skipped: 'none'
} as const

function answerView(results: readonly CheckResult[], problem: string): Markup {
  if (problem !== '')
    return html`<div class="body" role="alert"><p class="bad">${problem}</p></div>`
  if (results.length === 0)
    return html`<div class="body">${empty('Paste a pod and test it.', 'The rule that decides, the patch and the warnings appear here; nothing is created.')}</div>`
  return html`${results.map(({ object, namespace, decision, reason, allowed, containers, patch, warnings, matchedRules }) => html`<div class="body stack"><p class="row">${tag(allowed ? decision : 'refused', allowed ? 'ok' : 'bad', allowed ? 'yes' : 'x')}<span class="strong"><bdi>${namespace}/${object}</bdi></span><span class="muted">${reason}</span></p><ul class="checks">${containers.map((one) => html`<li>${icon(one.mode === 'audit' ? 'audit' : outcomes[one.outcome], 'acc')}<span><bdi class="mono">${one.container}</bdi>: ${one.outcome}${one.profile === undefined ? nothing : html`, <bdi>${one.profile}</bdi>`}</span><span class="v"><bdi>${one.rule ?? 'no rule'}</bdi></span><span class="hint">${one.reason}${one.revision === undefined ? '' : `, ${one.revision.slice(0, 19)}`}${(one.loosening ?? []).length === 0 ? nothing : html`; asked for less than is given already, and does not count: <bdi>${(one.loosening ?? []).join(', ')}</bdi>`}</span></li>`)}</ul><p class="small muted">Rules that match: <bdi>${matchedRules.length === 0 ? 'none' : matchedRules.join(', ')}</bdi></p>${warnings.map((warning) => html`<p class="small warn">${icon('tri')} <bdi>${warning}</bdi></p>`)}<h3>Patch</h3><pre class="doc" tabindex="0">${patch.length === 0 ? 'none' : patch.map((one) => html`<ins>${one.op} ${one.path}${'value' in one ? ` ${JSON.stringify(one.value)}` : ''}</ins>\n`)}</pre></div>`)}`
}

const mostPods = 200

/** One pod of each workload: those of one are alike, and there may be a hundred thousand. */
function podsOf(running: Containers | undefined): InventoryItem[] {
  const pods: InventoryItem[] = []
  for (const { items } of running?.groups() ?? []) {
    const [first] = items.values()
    if (first !== undefined) pods.push(first)
    if (pods.length >= mostPods) break
  }
  return pods
}

async function render({ ui, identity, query }: Call) {
  const lines = ruleLines(ui.sources.rules())
  const pages = Math.ceil(lines.length / perPage)
  const page = pageOf(query['page'], pages)
  const mayWrite = await identity.can('update', 'seccomprules')
  const mayDelete = await identity.can('delete', 'seccomprules')
  const running = ui.sources.containers()
  const pods = podsOf(running)
  const picked = running?.find(query['pod'] ?? '')
  // A pod given by the address decides without JavaScript too.
  const given = query['document'] ?? (picked === undefined ? undefined : podOf(picked))
  let results: CheckResult[] = []
  let problem = ''
  if (given !== undefined) {
    try {
      results = readObjects(given, 'pod').flatMap(
        (each) => checkObject(ui.sources.snapshot(), each, 'default') ?? []
      )
    } catch (error) {
      problem = toSeccoError(error).message
    }
  }
  const asked = lines.find(({ key }) => key === query['change'])
  const changed = asked === undefined ? undefined : fieldsOf(asked.rule)
  const shadowed = lines.filter(({ shadowedBy }) => shadowedBy !== undefined).length
  const list =
    lines.length === 0
      ? html`<div class="body">${empty('There is no rule yet.', html`Pods can say what they want by label (<code>secco.dev/learn: "true"</code>, <code>secco.dev/profile: NAME</code>); a rule says it for them.`)}</div>`
      : html`${table({ caption: 'Rules', note: 'in the order in which they are asked', columns: [{ title: 'Priority' }, { title: 'Rule' }, { title: 'Pods' }, { title: 'Containers' }, { title: 'Profile' }, { title: 'Mode' }, { title: 'If not ready' }, { title: 'Notes' }, { title: 'Actions' }], rows: lines.slice((page - 1) * perPage, page * perPage).map((line) => row(line, { write: mayWrite, remove: mayDelete })), heading: 1, live: 'rules' })}${pager({ page, pages, total: lines.length, what: 'rules', href: (to) => `/rules?page=${to}` })}`
  const picker =
    pods.length === 0
      ? nothing
      : html`<form method="get" class="row end" action="#test"><label class="field grow">Pod that runs<select name="pod">${pods.map((item) => html`<option value="${item.key}"${item.key === query['pod'] ? html` selected` : nothing}>${item.namespace}/${item.pod === '' ? item.name : item.pod}</option>`)}</select></label><button class="btn" type="submit">Take it</button></form>`
  const test = html`<div class="cols even" id="test"><section class="panel" aria-labelledby="h-test"><header><h2 id="h-test">Test a pod</h2><p>nothing is created</p></header><div class="body stack">${picker}<form class="stack" method="get" action="#test" data-test><label class="field">Pod YAML, or anything with a pod template<textarea name="document" rows="12" spellcheck="false">${given ?? example}</textarea></label><div class="row"><button class="btn primary" type="submit">Test</button></div></form></div></section><section class="panel" aria-labelledby="h-ans"><header><h2 id="h-ans">Answer</h2></header><div data-live="answer" aria-live="polite"><div data-key="answer">${answerView(results, problem)}</div></div><div class="body stack"><h3>The same on the command line</h3>${command('secco check -f pod.yaml')}</div></section></div>`
  return {
    title: 'Rules',
    facts: [
      `${counted(lines.length, 'rule')}, first match per container wins`,
      'rules in a namespace may only tighten',
      shadowed > 0 ? `${shadowed} can never win` : 'none is shadowed'
    ],
    actions: mayWrite ? html`<a class="btn primary" href="#new">New rule</a>` : nothing,
    body: html`<section class="panel">${list}</section>${test}${mayWrite ? ruleForm(changed) : nothing}${commandPanel('h-cli', 'secco get rules -A', 'secco rule apply -f rule.yaml')}`
  }
}

export const rulesPage: Page = {
  path: '/rules',
  nav: 'Rules',
  needs: { verb: 'list', resource: 'seccomprules' },
  render
}
