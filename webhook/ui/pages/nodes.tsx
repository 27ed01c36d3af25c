import {
  awayNodesOf,
  type MissingNode,
  missingNodesText,
  namedMissing
} from '../../confinement/containers/missing-nodes.js'
import type { VNode } from 'preact'
import { stateWords } from '../../../src/confinement/state.js'
import { nodeNeedsPerson, nodeProblems } from '../../views/node-problems.js'
import { lostText, type NodeView } from '../../views/view.js'
import { type Containers, weightOf } from '../model/containers.js'
import type { Call } from '../model/context.js'
import type { InventoryItem } from '../model/inventory.js'
import { counted, hrefWith, listPage, numberText, pageOf } from '../parts/format.js'
import { Filters } from '../parts/forms.js'
import {
  ContainerIdMark,
  DigestMark,
  Moment,
  revisionsOf,
  StateMark,
  Verdict
} from '../parts/marks.js'
import { Connection, NodeState, Recording } from './node-marks.js'
import type { Page, View } from '../parts/page.js'
import { CommandPanel, EmptyBody, InlineCommand, Sentence } from '../parts/panels.js'
import { Pager, type Row, Table } from '../parts/table.js'

const perPage = 50

/** Sorts nodes: first those that need a person, then those that lost something, then by name. */
function inOrder(nodes: readonly NodeView[], now: number): NodeView[] {
  const weight = (node: NodeView) =>
    nodeNeedsPerson(node, now) ? 0 : lostText(node) === '' ? 2 : 1
  return [...nodes].sort((a, b) => weight(a) - weight(b) || (a.name < b.name ? -1 : 1))
}

function nodeRow(node: NodeView, now: number): Row {
  const problems = nodeProblems(node, now)
  const isBad = problems.some(({ level }) => level === 'bad')
  const lost = lostText(node)
  return {
    key: node.name,
    attention: isBad ? 'bad' : problems.length === 0 ? '' : 'warn',
    cells: [
      <bdi>{node.name}</bdi>,
      <Connection node={node} now={now} />,
      <>
        <bdi>{node.kernel}</bdi>
        <span class="sub">{node.arch}</span>
      </>,
      <bdi>{node.runtimes === '' ? 'none found' : node.runtimes}</bdi>,
      <Recording node={node} now={now} />,
      numberText(node.revisions),
      lost === '' ? 'none' : <span class="warn">{lost}</span>,
      <NodeState problems={problems} />
    ]
  }
}

/** @param away when the nodes that do not report were last heard of, by name; empty where the hub does not know the node */
function containerRow(item: InventoryItem, away: ReadonlyMap<string, string>, now: number): Row {
  const since = away.get(item.node)
  const [decided, inForce] = revisionsOf(item)
  return {
    key: item.key,
    attention: weightOf(item) < 2 ? 'bad' : item.stale ? 'warn' : '',
    cells: [
      <>
        <bdi>{`${item.namespace}/${item.workload}`}</bdi> · <bdi>{item.name}</bdi>
        <span class="sub mono">
          {item.pod === '' ? <ContainerIdMark id={item.id} /> : <bdi>{item.pod}</bdi>}
        </span>
      </>,
      <>
        <bdi>{item.node}</bdi>
        <span class="sub">{item.runtime}</span>
        {since !== undefined && (
          <span class="sub warn">
            {since === '' ? (
              'does not report'
            ) : (
              <>
                away: as it was <Moment at={since} now={now} />
              </>
            )}
          </span>
        )}
      </>,
      <DigestMark digest={decided} none="nothing" />,
      <DigestMark digest={inForce} none="none" />,
      <>
        <StateMark state={item.state} />
        <span class="sub">
          <bdi>
            <Sentence text={item.why} />
          </bdi>
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
  const wants = ({ namespace, workload, name, pod, node, state }: InventoryItem) =>
    `${namespace}/${workload} ${name} ${pod} ${node} ${stateWords[state]}`
      .toLowerCase()
      .includes(words)
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
        Start one: <InlineCommand text="secco satellite" />, or everything on this machine with{' '}
        <InlineCommand text="secco up" />.
      </>
    )
    return <EmptyBody what="No satellite has connected yet." next={next} />
  }
  const { q = '' } = query
  const { items, ...place } = listPage(inOrder(nodes, ui.now()), query['nodes'], perPage)
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

function NoContainers({ q, missing }: { q: string; missing: readonly MissingNode[] }): VNode {
  if (q === '' && missing.length > 0) {
    const next = `${missingNodesText(missing.length)}: ${namedMissing(missing)}.`
    return <EmptyBody what="No container is known." next={next} />
  }
  if (q === '') return <EmptyBody what="No container runs yet." next="They appear as they start." />
  const next = <a href="/nodes#containers">Show all</a>
  return <EmptyBody what="No container matches the filter." next={next} />
}

function ContainerTable({ call: { ui, query } }: { call: Call }): VNode {
  const running = ui.sources.containers()
  if (running === undefined) {
    const next =
      'What is enforced is on the pages of the workloads; on a node: `secco trace`, `secco doctor --node`.'
    return <EmptyBody what="Satellites do not report their containers yet." next={next} />
  }
  const { q = '' } = query
  const { items, ...place } = windowOf(running, q, query['page'])
  const away = new Map(
    awayNodesOf(ui.sources.nodes(), items).map(({ name, lastSeen }) => [name, lastSeen])
  )
  return (
    <>
      <Filters
        label="Filter containers"
        value={q}
        placeholder="workload, container, pod, node, state"
        action="#containers"
      />
      {items.length === 0 ? (
        <NoContainers q={q} missing={ui.sources.missing()} />
      ) : (
        <>
          <Table
            caption="Decided, and in the kernel"
            note="those that differ first"
            columns={[
              ...['Container', 'Node', 'Decided', 'In force'],
              ...['In the kernel', 'State', 'Started']
            ]}
            rows={items.map((item) => containerRow(item, away, ui.now()))}
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
