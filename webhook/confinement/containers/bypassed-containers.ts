import { Listeners } from '../../../src/lib/listeners.js'
import type { Labels } from '../../../src/rules/selector.js'
import type { ContainerListener, ContainerView, ContainerViews } from './container-view.js'
import type { BypassedContainer, ConfinementSources } from './sources.js'

interface Entry {
  view: ContainerView
  labels: Labels
  text: string
}

const settleMs = 100

function viewOf(one: BypassedContainer): ContainerView {
  const { namespace, pod, podUid, node, name, image, workload, createdAt, rule, message } = one
  return {
    ...{ key: `${podUid}/${name}`, node, runtime: '', id: '', name, namespace, pod, podUid, image },
    ...{ pid: 0, workload: `${workload.kind}/${workload.name}` },
    ...{ state: 'starting', why: 'the container has not started, as far as the API server knows' },
    ...{
      profile: '',
      sharedWith: [],
      learned: '',
      revision: '',
      wanted: '',
      stale: false,
      canary: false
    },
    ...{
      ephemeral: false,
      optedOut: false,
      drift: [],
      unprotected: { rule, message, since: createdAt }
    },
    ...{
      checked: '',
      disk: '',
      denials: 0,
      expected: 0,
      risk: 0,
      restarts: 0,
      syscalls: 0,
      gaps: []
    },
    ...{ startedAt: createdAt, since: createdAt }
  }
}

/**
 * ListedContainers has what is shown to people: every running container, and those that wait to start although an
 * enforcing rule was bypassed. The latter are in nobody's figures, drift or history: they make no call yet.
 */
export class ListedContainers {
  readonly #sources: ConfinementSources
  readonly #views: ContainerViews
  readonly #listeners = new Listeners<[ContainerView[], ContainerView[]]>()
  #bypassed = new Map<string, Entry>()
  readonly #stops: readonly (() => void)[]
  #timer: NodeJS.Timeout | undefined

  constructor(sources: ConfinementSources, views: ContainerViews) {
    this.#sources = sources
    this.#views = views
    this.#bypassed = this.#compute()
    const later = () => {
      this.#timer ??= setTimeout(() => this.#refresh(), settleMs)
    }
    this.#stops = [
      sources.onBypassed(later),
      sources.onSnapshot(later),
      views.onChange(() => {
        if (this.#bypassed.size > 0) later()
      })
    ]
  }

  list(): ContainerView[] {
    return [...this.#views.list(), ...[...this.#bypassed.values()].map(({ view }) => view)]
  }

  labelsOf(key: string): Labels {
    return this.#bypassed.get(key)?.labels ?? this.#views.labelsOf(key)
  }

  /** Returns how to stop. */
  onChange(listener: ContainerListener): () => void {
    const leave = this.#listeners.add(([changed, gone]) => listener(changed, gone, false))
    const leaveRunning = this.#views.onChange(listener)
    return () => {
      leave()
      leaveRunning()
    }
  }

  close(): void {
    clearTimeout(this.#timer)
    for (const stop of this.#stops) stop()
    this.#listeners.clear()
  }

  #compute(): Map<string, Entry> {
    const waiting = this.#sources
      .bypassed()
      .filter(({ podUid, name }) => !this.#views.isRunning(podUid, name))
    return new Map(
      waiting.map((one) => {
        const view = viewOf(one)
        return [view.key, { view, labels: one.labels, text: JSON.stringify([view, one.labels]) }]
      })
    )
  }

  #refresh(): void {
    this.#timer = undefined
    const now = this.#compute()
    const gone = [...this.#bypassed].filter(([key]) => !now.has(key))
    const changed = [...now].filter(([key, { text }]) => this.#bypassed.get(key)?.text !== text)
    // Those that are gone are reported while their labels are known.
    this.#notify([], gone)
    this.#bypassed = now
    this.#notify(changed, [])
  }

  #notify(changed: readonly [string, Entry][], gone: readonly [string, Entry][]): void {
    if (changed.length + gone.length === 0) return
    this.#listeners.notify([changed.map(([, { view }]) => view), gone.map(([, { view }]) => view)])
  }
}
