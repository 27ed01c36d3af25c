import type { VNode } from 'preact'
import { states, stateWords } from '../../../src/confinement/state.js'
import type { InventoryItem } from '../model/inventory.js'
import { hrefWith, listPage, numberText } from './format.js'
import { ActionForm, Choice, Filters, FormError } from './forms.js'
import { StateMark } from './marks.js'
import { EmptyBody } from './panels.js'
import { Pager } from './table.js'

const perPage = 50

/** What a person has searched for. */
export interface Wanted {
  q: string
  namespace: string
  state: string
  chosen: string
  /** Keys of the containers of the workload that is to be recorded. */
  own: ReadonlySet<string>
}

interface Group {
  namespace: string
  items: ReadonlyMap<string, InventoryItem>
}

function matches(item: InventoryItem, { q, state }: Wanted): boolean {
  if (state !== '' && item.state !== state) return false
  if (q === '') return true
  const { name, pod, workload, node, image } = item
  const text = [item.namespace, pod, name, workload, node, image].join(' ').toLowerCase()
  return text.includes(q.toLowerCase())
}

/** Longer lists keep the order of the nodes: to sort them would take longer than the rest of the page. */
const mostSorted = 5000

/** Returns the containers that a person has searched for; a chosen one comes first. */
export function searched(groups: Iterable<Group>, wanted: Wanted): InventoryItem[] {
  const found: InventoryItem[] = []
  for (const { namespace, items } of groups) {
    if (wanted.namespace !== '' && wanted.namespace !== namespace) continue
    for (const item of items.values()) if (matches(item, wanted)) found.push(item)
  }
  if (found.length <= mostSorted) return found.sort(orderOf(wanted))
  const chosen = found.filter((item) => isChosen(item, wanted))
  return chosen.length === 0 ? found : [...new Set([...chosen, ...found])]
}

function orderOf(wanted: Wanted) {
  const place = (item: InventoryItem) =>
    [isChosen(item, wanted) ? '0' : '1', item.namespace, item.workload, item.pod, item.name].join(
      '\0'
    )
  return (a: InventoryItem, b: InventoryItem) => (place(a) < place(b) ? -1 : 1)
}

const isChosen = ({ key, name, workload }: InventoryItem, { chosen, own }: Wanted) =>
  own.has(key) ||
  (chosen !== '' && (key === chosen || name === chosen || workload.endsWith(`/${chosen}`)))

function StartForm(): VNode {
  return (
    <div class="body stack">
      <label class="field">
        Stop by itself after
        <select name="seconds" data-kind="number">
          <option value="0">no time: I stop it, or leave its page</option>
          <option value="30">30 seconds</option>
          <option value="300">5 minutes</option>
          <option value="3600">1 hour</option>
        </select>
      </label>
      <FormError />
      <button class="btn primary" type="submit">
        Start
      </button>
    </div>
  )
}

function Candidate({ item, checked }: { item: InventoryItem; checked: boolean }): VNode {
  const { key, name, namespace, pod, workload, node, image, state } = item
  const places = [pod === '' ? namespace : `${namespace}/${pod}`, workload, `node ${node}`, image]
  return (
    <li data-key={key}>
      <label>
        <input type="radio" name="container" value={key} checked={checked} required />
        <span>
          <span class="strong">
            <bdi>{name}</bdi>
          </span>
          <span class="sub">
            <bdi>{places.filter((part) => part !== '').join(' · ')}</bdi>
          </span>
        </span>
        <StateMark state={state} />
      </label>
    </li>
  )
}

interface PickProps {
  items: readonly InventoryItem[]
  total: number
  page: string | undefined
  wanted: Wanted
  may: boolean
}

/** A list of containers, of which a person chooses one to record. */
export function ContainerPicker({ items, total, page, wanted, may }: PickProps): VNode {
  if (items.length === 0) {
    return total === 0 ? (
      <EmptyBody
        what="No container is running here."
        next="Run one: it is recorded from its first instruction."
      />
    ) : (
      <EmptyBody
        what="No container matches the filter."
        next={<a href="/profiler">Show all {numberText(total)}</a>}
      />
    )
  }
  const { q, namespace, state } = wanted
  const { items: shown, ...place } = listPage(items, page, perPage)
  const only = items.length === 1
  return (
    <ActionForm url="/api/v1/traces" then="/profiler/:id">
      <ul class="pick" data-live="pick">
        {shown.map((item) => (
          <Candidate item={item} checked={only || isChosen(item, wanted)} />
        ))}
      </ul>
      <Pager
        {...place}
        what="containers"
        href={(to) => hrefWith('/profiler', { q, namespace, state, page: String(to) })}
      />
      {may ? (
        <StartForm />
      ) : (
        <div class="body">
          <p class="muted">You may view containers but not record them.</p>
        </div>
      )}
    </ActionForm>
  )
}

const all = ['', 'all'] as const
const stateChoices = [all, ...states.map((state) => [state, stateWords[state]] as const)]

/** The search above the list. */
export function PickerFilters(props: { wanted: Wanted; namespaces: readonly string[] }): VNode {
  const { wanted, namespaces } = props
  const choices = [all, ...namespaces.map((each) => [each, each] as const)]
  return (
    <Filters
      label="Filter containers"
      value={wanted.q}
      placeholder="pod, container, workload, node, image"
      action="/profiler"
    >
      <Choice label="Namespace" name="namespace" chosen={wanted.namespace} options={choices} />
      <Choice label="State" name="state" chosen={wanted.state} options={stateChoices} />
    </Filters>
  )
}
