import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { SeccompRule } from '../../src/api/seccomp-rule.js'
import { toSeccoError } from '../../src/lib/errors.js'
import type { Logger } from '../../src/lib/log.js'
import { profileKey } from '../../src/rules/profile-state.js'
import type { Snapshot } from '../../src/rules/snapshot.js'
import type { Store } from '../../src/store/store.js'
import type { ClusterPod, ClusterView } from './watch/cluster-view.js'
import type { EventRecorder } from './events/events.js'
import { podEvents } from './events/pod-events.js'
import { profileEvents } from './events/profile-events.js'
import { withRuleConditions } from './rule-status.js'

/** What only one hub of all does beside the profiles' status: events, and the rules' conditions. */
export interface Writer {
  /** Rules or the states of profiles may have changed. */
  look(): void
  /** This hub writes from now on: pods that came while nobody did are told about. */
  begin(): void
  close(): Promise<void>
}

export interface WriterOptions {
  store: Store
  view: ClusterView
  events: EventRecorder
  /** The rules, their problems and the states of profiles. */
  snapshot: () => Snapshot
  rules: () => readonly SeccompRule[]
  mayWrite: () => boolean
  logger: Logger
  /** Between two looks at the rules. */
  everyMs?: number
}

export async function startWriter(options: WriterOptions): Promise<Writer> {
  const { store, view, events, logger, mayWrite, everyMs = 1000 } = options
  const profiles = new Map<string, SeccompProfile>()
  let listed = false
  /** By uid: those that exist. */
  const toldPods = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  let closed = false
  let complaint = ''

  const stopWatching = await store.watch((event) => {
    if (event.type === 'deleted' && event.kind === 'SeccompProfile') {
      profiles.delete(profileKey(event.ref.namespace, event.ref.name))
    }
    if (event.type !== 'applied' || event.object.kind !== 'SeccompProfile') return
    const profile = event.object
    const { namespace = '', name } = profile.metadata
    const key = profileKey(namespace, name)
    const before = profiles.get(key)
    profiles.set(key, profile)
    // What was there when this process came is no news.
    if (!listed || !mayWrite()) return
    const { regarding, texts } = profileEvents(before, profile)
    for (const text of texts) events.record(regarding, text)
  })
  listed = true

  /** Whoever writes again after a lapse has told of most pods before. */
  function tellOf(pod: ClusterPod): void {
    if (toldPods.has(pod.uid)) return
    const told = podEvents(pod, Date.now())
    if (told === undefined) return
    toldPods.add(pod.uid)
    for (const text of told.texts) events.record(told.regarding, text)
  }

  const leave = view.onChange((change) => {
    if (change.kind !== 'pod') return
    if (change.after === undefined) toldPods.delete(change.uid)
    if (change.after === undefined || change.before !== undefined) return
    if (mayWrite()) tellOf(change.after)
  })

  async function pass(): Promise<void> {
    const { problems, profiles: states } = options.snapshot()
    for (const rule of options.rules()) {
      const { namespace = '', name } = rule.metadata
      const own = problems.filter((one) => one.rule === `${namespace}/${name}`)
      const messages = own.map(({ message }) => message)
      const now = new Date().toISOString()
      const change = (current: SeccompRule): SeccompRule =>
        withRuleConditions(current, messages, states, now)
      // Asked of the copy first: an unchanged rule costs no call.
      if (change(rule) === rule) continue
      try {
        await store.update('SeccompRule', { namespace, name }, change)
        complaint = ''
      } catch (error) {
        const { code, message } = toSeccoError(error)
        if (code === 'NOT_FOUND') continue
        if (complaint !== code) logger.warn({ code, rule: `${namespace}/${name}` }, message)
        complaint = code
        look()
      }
    }
  }

  function look(): void {
    if (closed) return
    timer ??= setTimeout(() => {
      timer = undefined
      if (!mayWrite()) return
      running = running.then(pass).catch((error: unknown) => {
        logger.error({ err: error }, 'conditions of rules')
      })
    }, everyMs)
  }

  return {
    look,
    begin() {
      for (const pod of view.pods().values()) tellOf(pod)
      look()
    },
    async close() {
      closed = true
      clearTimeout(timer)
      stopWatching()
      leave()
      await running
      await events.flush()
    }
  }
}
