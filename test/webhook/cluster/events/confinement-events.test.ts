import { test } from 'tap'
import { noProfiles } from '../../../helpers/no-profiles.js'
import {
  denialText,
  driftTexts,
  startConfinementEvents
} from '../../../../webhook/cluster/events/confinement-events.js'
import type { DenialNews } from '../../../../webhook/hub/denials/denial-row.js'
import type { ContainerView } from '../../../../webhook/confinement/containers/container-views.js'
import type { DenialView } from '../../../../webhook/confinement/denials/denial-views.js'
import type { Confinement } from '../../../../webhook/confinement/containers/confinement.js'
import { readPod } from '../../../../webhook/cluster/watch/read-objects.js'
import { rawPod } from '../cluster-objects.js'

test('a pod gets events about drift, missing protection and denials', (t) => {
  const since = '2026-01-01T00:00:00.000Z'
  const view = (over: Partial<ContainerView>): ContainerView =>
    ({
      ...{ key: 'n1/c@1', node: 'n1', id: 'c', name: 'app', podUid: 'u', drift: [] },
      ...{ unprotected: null, ...over }
    }) as unknown as ContainerView
  const changed = view({ drift: [{ kind: 'FileChanged', message: 'the file of web@1', since }] })
  const open = view({ unprotected: { rule: 'r', message: 'r gives RuntimeDefault', since } })
  const reasons = (...args: Parameters<typeof driftTexts>) =>
    driftTexts(...args).map(({ type, reason }) => `${type} ${reason}`)
  t.same(reasons(undefined, changed), ['Warning FileChanged'])
  t.same(reasons(changed, changed), [], 'once')
  t.same(reasons(changed, view({})), ['Normal AsDeclared'])
  t.same(reasons(undefined, open), ['Warning NotProtected'])
  t.same(reasons(open, open), [])
  t.same(reasons(undefined, view({})), [], 'no event when nothing is wrong')

  const row = {
    ...{ key: 'k', node: 'n1', namespace: 'shop', profile: 'web', container: 'c' },
    ...{ containerName: 'app', syscall: 'getsid', comm: 'x\u001b[2J', answer: 'EPERM' },
    ...{ abi: 'x86_64', arguments: '', action: 'SCMP_ACT_ERRNO', revision: '' },
    ...{ succeeded: 0, expected: false, added: 1 }
  } as unknown as DenialNews
  const denied = { ...row, muted: false, state: 'open', hint: 'allow it' } as unknown as DenialView
  t.matchOnly(denialText(denied), {
    ...{ reason: 'CallDenied', type: 'Warning', action: 'Enforce', note: /getsid.*EPERM/ }
  })
  t.notMatch(denialText(denied)?.note, '\u001b', 'a process chooses its own name')
  t.matchOnly(denialText({ ...denied, answer: 'logged' }), {
    ...{ reason: 'CallLogged', type: 'Warning', action: 'Audit', note: /it was allowed and log/ }
  })
  for (const kept of ['muted', 'expected'] as const)
    t.equal(denialText({ ...denied, state: kept, [kept]: true }), undefined, kept)
  t.match(denialText({ ...denied, state: 'closed' }), { reason: 'CallDenied' }, 'it was denied')

  let look: Parameters<Confinement['views']['onChange']>[0] = () => undefined
  let deny: (news: DenialNews) => void = () => undefined
  const known = new Map<string, ContainerView>()
  let come: (uid: string) => void = () => undefined
  const recorded: string[] = []
  const confinement = {
    views: {
      list: () => [changed],
      peek: (key: string) => known.get(key),
      peekContainer: () => undefined,
      reachedBy: () => [],
      onChange: (listener: typeof look) => {
        look = listener
        return () => undefined
      }
    },
    sources: {
      ...noProfiles.sources,
      onPod: (listener: typeof come) => {
        come = listener
        return () => undefined
      },
      hub: {
        ...noProfiles.hub,
        denialRows: {
          heard: () => [{ ...row, count: 3, container: 'c', syscall: 'bpf' }],
          onNews: (listener: typeof deny) => {
            deny = listener
            return () => undefined
          }
        }
      }
    },
    revisions: noProfiles.revisions,
    profile: () => undefined
  } as unknown as Confinement
  const pod = { ...readPod(rawPod), uid: 'u', node: 'n1', namespace: 'shop', name: 'web-1' }
  const pods = new Map([['u', pod]])
  const stop = startConfinementEvents({
    confinement,
    pod: (uid) => pods.get(uid),
    events: { record: (about, { reason }) => recorded.push(`${about.name} ${reason}`) }
  })
  deny(row)
  deny({ ...row, added: 0, comm: 'app' })
  look([view({})], [])
  look([view({ key: 'n2/c@1', node: 'n2', drift: changed.drift })], [])
  deny({ ...row, node: 'n2' })
  // A denial may arrive before its container.
  deny({ ...row, container: 'd', comm: '' })
  deny({ ...row, container: 'd', added: 0 })
  const late = view({ key: 'n1/d@1', id: 'd' })
  look([late], [])
  look([late], [])
  t.same(
    recorded,
    [
      ...['web-1 FileChanged', 'web-1 CallDenied', 'web-1 CallDenied', 'web-1 AsDeclared'],
      'web-1 CallDenied'
    ],
    'with denials from before the start; a node is believed only about its own pods'
  )

  // A satellite may be faster than the API server, and a pod is reported before it is scheduled.
  recorded.length = 0
  const meet = (id: string, podUid: string) => {
    const met = view({
      key: `n1/${id}@1`,
      id,
      podUid,
      drift: changed.drift,
      unprotected: open.unprotected
    })
    known.set(met.key, met)
    look([met], [])
    return met
  }
  const met = meet('e', 'v')
  deny({ ...row, container: 'e' })
  come('v')
  pods.set('v', { ...pod, uid: 'v', name: 'web-2', node: '' })
  come('v')
  t.same(recorded, [], 'no event for an unknown pod')
  pods.set('v', { ...pod, uid: 'v', name: 'web-2' })
  // With the facts of its pod it is protected.
  known.set(met.key, { ...met, unprotected: null })
  come('v')
  come('v')
  look([{ ...met, unprotected: null }], [])
  t.same(
    recorded,
    ['web-2 FileChanged', 'web-2 CallDenied'],
    'one event each, once the pod is known'
  )
  look([], [meet('f', 'w')])
  pods.set('w', { ...pod, uid: 'w', name: 'web-3' })
  come('w')
  t.equal(recorded.length, 2, 'no event for a container that has ended meanwhile')

  // A container that a denial ended was never seen running: its report came before its pod, or after.
  recorded.length = 0
  const ended = { ...row, container: 'g', podUid: 'x' }
  deny(ended)
  t.same(recorded, [], 'its pod is not known yet')
  pods.set('x', { ...pod, uid: 'x', name: 'web-4' })
  come('x')
  come('x')
  deny({ ...ended, syscall: 'bpf' })
  deny({ ...ended, container: 'h', added: 0 })
  deny({ ...ended, container: 'i', node: 'n2' })
  t.same(
    recorded,
    ['web-4 CallDenied', 'web-4 CallDenied'],
    'one event for each call; a node is believed only about its own pods'
  )
  stop()
  t.end()
})
