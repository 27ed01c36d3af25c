import type { VNode } from 'preact'
import { rootNamespace } from '../../../src/api/names.js'
import type { SeccompRule } from '../../../src/api/seccomp-rule.js'
import { otherModeWords, profileOfRule } from '../../../src/confinement/rule-mode.js'
import { toSeccoError } from '../../../src/lib/errors.js'
import type { CheckResult } from '../../admission/check-pod.js'
import { checkedPods, checkedRunningPod } from '../model/checked-pods.js'
import type { Containers } from '../model/containers.js'
import type { Call } from '../model/context.js'
import { type Derived, derivedOf, profileHref } from '../model/derived.js'
import type { InventoryItem } from '../model/inventory.js'
import { type RuleLine, existsFor, ruleLines, selectorText } from '../model/rules.js'
import { counted, listPage } from '../parts/format.js'
import { ActionForm, Of } from '../parts/forms.js'
import { ModeMark, NotedTag, Tag } from '../parts/marks.js'
import type { Page, View } from '../parts/page.js'
import { CommandPanel, EmptyBody } from '../parts/panels.js'
import { PodTest } from '../parts/pod-test.js'
import { fieldsIn, fieldsOf, RuleForm } from '../parts/rule-form-view.js'
import { Pager, type Row, Table } from '../parts/table.js'

const perPage = 50
const mostPods = 200

type ByKey = Derived['byKey']

interface May {
  write: boolean
  remove: boolean
}

function Actions({ line: { key, rule }, may }: { line: RuleLine; may: May }): VNode {
  if (!may.write && !may.remove) return <span class="muted">–</span>
  const { name } = rule.metadata
  return (
    <div class="row">
      {may.write && fieldsOf(rule) !== undefined && (
        <a class="btn s" href={`/rules?change=${encodeURIComponent(key)}#new`}>
          Change
          <Of what={name} />
        </a>
      )}
      {may.remove && (
        <ActionForm
          class="inline"
          method="DELETE"
          url={`/api/v1/rules/${key}`}
          then="reload"
          confirm={name}
        >
          <button class="btn s" type="submit">
            Delete
            <Of what={name} />
          </button>
        </ActionForm>
      )}
    </div>
  )
}

function Notes({ shadowedBy, problems }: RuleLine): VNode {
  if (shadowedBy === undefined && problems.length === 0) return <span class="muted">none</span>
  return (
    <>
      {shadowedBy !== undefined && <Tag text={`shadowed by ${shadowedBy}`} tone="warn" />}
      {problems.map((message) => (
        <NotedTag text="problem" tone="bad" note={message} alarming />
      ))}
    </>
  )
}

function Pods({ rule: { metadata, spec } }: RuleLine): VNode {
  const { namespace = rootNamespace } = metadata
  const all = spec.namespaceSelector === undefined ? 'all' : selectorText(spec.namespaceSelector)
  return (
    <>
      <bdi class="mono">{selectorText(spec.podSelector)}</bdi>
      <span class="sub">
        namespaces: <bdi>{namespace === rootNamespace ? all : namespace}</bdi>
      </span>
    </>
  )
}

function ProfileLink({ rule }: RuleLine): VNode {
  const profile = profileOfRule(rule)
  if (profile === undefined) return <span class="muted">its own</span>
  return (
    <a class="mono" href={profileHref(profile)}>
      <bdi>{profile}</bdi>
    </a>
  )
}

/** The mode of a rule, and that of its profile where new pods get that one. */
function ModeCell({ rule, profiles }: { rule: SeccompRule; profiles: ByKey }): VNode {
  const other = otherModeWords(rule, profiles)
  return (
    <>
      <ModeMark mode={rule.spec.mode} />
      {other !== undefined && <span class="sub warn">{other}</span>}
    </>
  )
}

function rowOf(line: RuleLine, { may, profiles }: Pick<ListProps, 'may' | 'profiles'>): Row {
  const { key, rule, shadowedBy, problems } = line
  const { spec, metadata } = rule
  return {
    key,
    attention: problems.length > 0 ? 'bad' : shadowedBy === undefined ? '' : 'warn',
    cells: [
      spec.priority ?? 0,
      <>
        <bdi>{metadata.name}</bdi>
        <span class="sub">{metadata.namespace ?? rootNamespace}</span>
      </>,
      <Pods {...line} />,
      <>
        <bdi class="mono">{spec.containers?.join(', ') ?? '*'}</bdi>
        {spec.images !== undefined && (
          <span class="sub">
            images: <bdi>{spec.images.join(', ')}</bdi>
          </span>
        )}
      </>,
      <ProfileLink {...line} />,
      <ModeCell rule={rule} profiles={profiles} />,
      spec.whenNotReady ?? 'RuntimeDefault',
      <Notes {...line} />,
      <Actions line={line} may={may} />
    ]
  }
}

const columns = [
  ...['Priority', 'Rule', 'Pods', 'Containers', 'Profile', 'Mode'],
  ...['If not ready', 'Notes', 'Actions']
]

interface ListProps {
  lines: readonly RuleLine[]
  page: string | undefined
  may: May
  profiles: ByKey
}

function RuleList({ lines, page, may, profiles }: ListProps): VNode {
  if (lines.length === 0) {
    const next = (
      <>
        Pods can ask by label (<code>secco.dev/learn: "true"</code>,{' '}
        <code>secco.dev/profile: NAME</code>); a rule decides for them.
      </>
    )
    return <EmptyBody what="There is no rule yet." next={next} />
  }
  const { items, ...place } = listPage(lines, page, perPage)
  return (
    <>
      <Table
        caption="Rules"
        note="in the order in which they are asked"
        columns={columns}
        rows={items.map((line) => rowOf(line, { may, profiles }))}
        heading={1}
        live="rules"
      />
      <Pager {...place} what="rules" href={(to) => `/rules?page=${to}`} />
    </>
  )
}

/**
 * Returns the pod that was picked, and one of each workload: there may be a hundred thousand, and those of a workload are
 * alike. A container outside of Kubernetes is in no pod, and no rule decides about it.
 */
function podsOf(
  running: Containers | undefined,
  picked: InventoryItem | undefined
): InventoryItem[] {
  const pods: InventoryItem[] = picked === undefined ? [] : [picked]
  for (const { items } of running?.groups() ?? []) {
    const [first] = items.values()
    if (first !== undefined && first.pod !== '' && first !== picked) pods.push(first)
    if (pods.length >= mostPods) break
  }
  return pods
}

interface Tested {
  document: string | undefined
  results: readonly CheckResult[]
  problem: string
}

/** Decides as the webhook would: on the pod that was picked, or on the pods of a document that was typed. */
async function decide(call: Call, picked: InventoryItem | undefined): Promise<Tested> {
  const typed = call.query['document']?.replaceAll('\r\n', '\n')
  try {
    if (picked !== undefined) {
      const { result, document } = await checkedRunningPod(call, picked.namespace, picked.pod)
      // A changed document is another pod, of which everything is known.
      if (typed === undefined || typed === document) {
        return { document, results: [result], problem: '' }
      }
    }
    if (typed === undefined) return { document: undefined, results: [], problem: '' }
    return { document: typed, results: await checkedPods(call, typed), problem: '' }
  } catch (error) {
    const { message, hint } = toSeccoError(error)
    return { document: typed, results: [], problem: `${message}; ${hint}` }
  }
}

async function render(call: Call): Promise<View> {
  const { ui, identity, query } = call
  const lines = ruleLines(ui.sources.rules(), existsFor(ui.sources))
  const { byKey } = derivedOf(ui.sources, ui.now())
  const may = {
    write: await identity.can('update', 'seccomprules'),
    remove: await identity.can('delete', 'seccomprules')
  }
  const running = ui.sources.containers()
  const picked = running?.find(query['pod'] ?? '')
  // A pod in the address is decided without JavaScript too.
  const tested = await decide(call, picked)
  const asked = lines.find(({ key }) => key === query['change'])
  const shadowed = lines.filter(({ shadowedBy }) => shadowedBy !== undefined).length
  return {
    title: 'Rules',
    facts: [
      `${counted(lines.length, 'rule')}, first match per container wins`,
      'rules in a namespace may only tighten',
      shadowed > 0 ? `${shadowed} can never win` : 'none is shadowed'
    ],
    actions: may.write && (
      <a class="btn primary" href="#new">
        New rule
      </a>
    ),
    body: (
      <>
        <section class="panel">
          <RuleList lines={lines} page={query['page']} may={may} profiles={byKey} />
        </section>
        <PodTest pods={podsOf(running, picked)} picked={picked} {...tested} />
        {may.write && (
          <RuleForm
            rule={asked === undefined ? undefined : fieldsOf(asked.rule)}
            filled={fieldsIn(query)}
          />
        )}
        <CommandPanel texts={['secco get rules -A', 'secco rule apply -f rule.yaml']} />
      </>
    )
  }
}

export const rulesPage: Page = {
  path: '/rules',
  nav: 'Rules',
  needs: { verb: 'list', resource: 'seccomprules' },
  render
}
