import type { VNode } from 'preact'
import { lossesText, type NodeView } from '../../views/view.js'
import { type Containers, weightOf } from '../model/containers.js'
import type { Call } from '../model/context.js'
import type { InventoryItem } from '../model/inventory.js'
import { nodeNeedsPerson } from '../model/workloads.js'
import { ageText, counted, hrefWith, listPage, numberText, pageOf } from '../parts/format.js'
import { Filters } from '../parts/forms.js'
import { DigestMark, Moment, NotedTag, StateMark, Tag } from '../parts/marks.js'
import type { Page, View } from '../parts/page.js'
import { CommandPanel, EmptyBody } from '../parts/panels.js'
import { Pager, type Row, Table } from '../parts/table.js'

const perPage = 50
const mostComplaints = 3

function Recording({ node }: { node: NodeView }): VNode {
  const { hook, record, conditions, tracingUnavailable } = node
  if (hook === '') {
    const off = record === 'off'
    return (
      <NotedTag
        text={off ? 'off' : 'cannot record'}
        tone={off ? '' : 'bad'}
        shape="none"
        note={tracingUnavailable}
      />
    )
  }
  // Failed conditions are in the column of the state.
  const unproven = conditions.filter(({ status }) => status === 'Unknown')
  return (
    <>
      <NotedTag
        text={node.attached ? 'recording' : 'ready'}
        tone="ok"
        shape="yes"
        note={`${hook}, ${record}`}
      />
      {unproven.map(({ message }) => (
        <span class="sub">
          <bdi>{message}</bdi>
        </span>
      ))}
    </>
  )
}

function Connection({ node, now }: { node: NodeView; now: number }): VNode {
  const ms = Date.parse(node.lastSeen)
  return (
    <>
      {node.connected ? (
        <Tag text="connected" tone="ok" shape="yes" />
      ) : (
        <Tag text="away" tone="bad" shape="open" />
      )}
      <span class="sub" title={node.lastSeen}>
        seen {Number.isNaN(ms) ? 'never' : `${ageText(now - ms)} ago`}
      </span>
    </>
  )
}

function NodeState({ wrong }: { wrong: NodeView['conditions'] }): VNode {
  if (wrong.length === 0) return <Tag text="in step" tone="ok" shape="yes" />
  return (
    <>
      <Tag text="drift" tone="bad" shape="drift" />
      {wrong.slice(0, mostComplaints).map(({ reason, message }) => (
        <span class="sub bad">
          <bdi>{`${reason}: ${message}`}</bdi>
        </span>
      ))}
    </>
  )
}

/** Sorts nodes: first those that need a person, then those that lost something, then by name. */
function inOrder(nodes: readonly NodeView[]): NodeView[] {
  const weight = (node: NodeView) =>
    nodeNeedsPerson(node) ? 0 : lossesText(node.losses) === '' ? 2 : 1
  return [...nodes].sort((a, b) => weight(a) - weight(b) || (a.name < b.name ? -1 : 1))
}

function nodeRow(node: NodeView, now: number): Row {
  const wrong = node.conditions.filter(({ status }) => status === 'False')
  const lost = lossesText(node.losses)
  return {
    key: node.name,
    attention: !node.connected || wrong.length > 0 ? 'bad' : lost === '' ? '' : 'warn',
    cells: [
      <bdi>{node.name}</bdi>,
      <Connection node={node} now={now} />,
      <>
        <bdi>{node.kernel}</bdi>
        <span class="sub">{node.arch}</span>
      </>,
      <bdi>{node.runtimes === '' ? 'none found' : node.runtimes}</bdi>,
      <Recording node={node} />,
      numberText(node.revisions),
      lost === '' ? 'none' : <span class="warn">{lost}</span>,
      <NodeState wrong={wrong} />
    ]
  }
}

/** Compares what was decided for a container with what its kernel enforces. */
function Verdict({ item }: { item: InventoryItem }): VNode {
  const [drift] = item.drift
  if (drift !== undefined)
    return <NotedTag text="drift" tone="bad" shape="drift" note={drift.message} alarming />
  if (item.unprotected !== null) {
    const { message } = item.unprotected
    return <NotedTag text="not protected" tone="bad" shape="unconfined" note={message} alarming />
  }
  if (item.stale) {
    const note = 'started before the newest revision'
    return <NotedTag text="stale" tone="warn" shape="open" note={note} />
  }
  if (item.ephemeral) {
    const note = 'a person added it: Secco does not learn from it'
    return <NotedTag text="ephemeral" shape="none" note={note} />
  }
  if (item.revision === '' && item.profile === '' && item.learned === '')
    return <NotedTag text="nothing decided" shape="none" note="no rule covers it" />
  return <Tag text="same" tone="ok" shape="yes" />
}

function containerRow(item: InventoryItem, now: number): Row {
  return {
    key: item.key,
    attention: weightOf(item) < 2 ? 'bad' : item.stale ? 'warn' : '',
    cells: [
      <>
        <bdi>{`${item.namespace}/${item.workload}`}</bdi> · <bdi>{item.name}</bdi>
        <span class="sub mono">
          <bdi>{item.pod === '' ? item.id.slice(0, 12) : item.pod}</bdi>
        </span>
      </>,
      <>
        <bdi>{item.node}</bdi>
        <span class="sub">{item.runtime}</span>
      </>,
      <DigestMark digest={item.wanted} none="nothing" />,
      <DigestMark digest={item.revision} none="none" />,
      <>
        <StateMark state={item.state} />
        <span class="sub">
          <bdi>{item.why}</bdi>
        </span>
      </>,
      <Verdict item={item} />,
      <Moment at={item.startedAt} now={now} never="unknown" />
    ]
  }
}

/** Returns one page of the containers that a search finds. */
function windowOf(running: Containers, q: string, asked: string | undefined) {
  const words = q.toLowerCase()
  const wants = ({ namespace, workload, name, pod, node }: InventoryItem) =>
    `${namespace}/${workload} ${name} ${pod} ${node}`.toLowerCase().includes(words)
  const seen = (from: number) => running.window(from, perPage, words === '' ? undefined : wants)
  const wish = Math.max(1, Math.floor(Number(asked ?? '1')) || 1)
  const first = seen((wish - 1) * perPage)
  const pages = Math.ceil(first.total / perPage)
  const page = pageOf(asked, pages)
  const { items } = page === wish ? first : seen((page - 1) * perPage)
  return { items, page, pages, total: first.total }
}

const nodeColumns = [
  ...['Node', 'Connection', 'Kernel', 'Runtimes', 'Recording'],
  { title: 'Files', num: true },
  ...['Lost', 'State']
]

function NodeTable({ call: { ui, query } }: { call: Call }): VNode {
  const nodes = ui.sources.nodes()
  if (nodes.length === 0) {
    const next = (
      <>
        Start one: <code>secco satellite</code>, or everything on this machine with{' '}
        <code>secco up</code>.
      </>
    )
    return <EmptyBody what="No satellite has connected yet." next={next} />
  }
  const { q = '' } = query
  const { items, ...place } = listPage(inOrder(nodes), query['nodes'], perPage)
  return (
    <>
      <Table
        caption="Nodes"
        note="what every satellite reports; those that need you first"
        columns={nodeColumns}
        rows={items.map((node) => nodeRow(node, ui.now()))}
        live="nodes"
      />
      {place.pages > 1 && (
        <Pager
          {...place}
          what="nodes"
          href={(to) => hrefWith('/nodes', { q, nodes: String(to) })}
        />
      )}
    </>
  )
}

function NoContainers({ q }: { q: string }): VNode {
  if (q === '') return <EmptyBody what="No container runs yet." next="They appear as they start." />
  const next = <a href="/nodes#containers">Show all</a>
  return <EmptyBody what="No container matches the filter." next={next} />
}

function ContainerTable({ call: { ui, query } }: { call: Call }): VNode {
  const running = ui.sources.containers()
  if (running === undefined) {
    const next =
      'What is enforced is on the pages of the workloads; on a node: secco trace, secco doctor --node.'
    return <EmptyBody what="Satellites do not report their containers yet." next={next} />
  }
  const { q = '' } = query
  const { items, ...place } = windowOf(running, q, query['page'])
  return (
    <>
      <Filters
        label="Filter containers"
        value={q}
        placeholder="workload, container, pod, node"
        action="#containers"
      />
      {items.length === 0 ? (
        <NoContainers q={q} />
      ) : (
        <>
          <Table
            caption="Decided, and in the kernel"
            note="those that differ first"
            columns={[
              ...['Container', 'Node', 'Decided', 'In force'],
              ...['In the kernel', 'State', 'Started']
            ]}
            rows={items.map((item) => containerRow(item, ui.now()))}
            live="containers"
          />
          <Pager
            {...place}
            what="containers"
            href={(to) => `${hrefWith('/nodes', { q, page: String(to) })}#containers`}
          />
        </>
      )}
    </>
  )
}

function render(call: Call): View {
  const { ui } = call
  const nodes = ui.sources.nodes()
  const running = ui.sources.containers()
  const connected = nodes.filter((node) => node.connected).length
  const commands = ui.offers('GET', '/api/v1/containers') ? ['secco ps'] : []
  return {
    title: 'Nodes',
    facts: [
      `${connected} of ${nodes.length} connected`,
      running !== undefined && counted(running.size(), 'container')
    ],
    actions: (
      <a class="btn" href="/doctor">
        Run doctor
      </a>
    ),
    body: (
      <>
        <section class="panel">
          <NodeTable call={call} />
        </section>
        <section class="panel" id="containers">
          <ContainerTable call={call} />
        </section>
        <CommandPanel texts={['secco get nodes -o wide', ...commands]} />
      </>
    )
  }
}

export const nodesPage: Page = {
  path: '/nodes',
  live: true,
  nav: 'Nodes',
  count: 'nodes',
  needs: { verb: 'list', resource: 'nodes' },
  render
}
