import { test } from 'tap'
import {
  denialText,
  driftTexts,
  tellPods
} from '../../../../webhook/cluster/events/truth-events.js'
import type { DenialNews } from '../../../../webhook/hub/denials/denial-rows.js'
import type { ContainerView } from '../../../../webhook/confinement/containers/container-views.js'
import type { DenialView } from '../../../../webhook/confinement/denials/denial-views.js'
import type { Truth } from '../../../../webhook/confinement/truth.js'
import { readPod } from '../../../../webhook/cluster/watch/read-objects.js'
import { rawPod } from '../cluster-objects.js'

test('what a pod is told of drift, of missing protection and of refused calls', (t) => {
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
  t.same(reasons(undefined, view({})), [], 'nothing of what is right')

  const row = {
    ...{ key: 'k', node: 'n1', namespace: 'shop', profile: 'web', container: 'c' },
    ...{ containerName: 'app', syscall: 'getsid', comm: 'x\u001b[2J', answer: 'EPERM' },
    ...{ abi: 'x86_64', arguments: '', action: 'SCMP_ACT_ERRNO', revision: '' },
    ...{ succeeded: 0, expected: false, added: 1 }
  } as unknown as DenialNews
  const denied = { ...row, muted: false, mode: 'enforce', hint: 'let it through' } as DenialView
  t.match(denialText(denied), { reason: 'CallRefused', type: 'Warning', note: /getsid.*EPERM/ })
  t.notMatch(denialText(denied)?.note, '\u001b', 'a process chooses its own name')
  t.match(denialText({ ...denied, answer: 'logged' }), { reason: 'CallLogged' })
  t.equal(denialText({ ...denied, muted: true }), undefined)
  t.equal(denialText({ ...denied, expected: true }), undefined)

  let look: Parameters<Truth['views']['onChange']>[0] = () => undefined
  let refuse: (news: DenialNews) => void = () => undefined
  const known = new Map<string, ContainerView>()
  let come: (uid: string) => void = () => undefined
  const said: string[] = []
  const truth = {
    views: {
      list: () => [changed],
      peek: (key: string) => known.get(key),
      onChange: (listener: typeof look) => {
        look = listener
        return () => undefined
      }
    },
    sources: {
      onPod: (listener: typeof come) => {
        come = listener
        return () => undefined
      },
      hub: {
        denialRows: {
          heard: () => [{ ...row, count: 3, container: 'c', syscall: 'bpf' }],
          onNews: (listener: typeof refuse) => {
            refuse = listener
            return () => undefined
          }
        }
      }
    },
    revisions: { byDigest: () => [] },
    profile: () => undefined
  } as unknown as Truth
  const pod = { ...readPod(rawPod), uid: 'u', node: 'n1', namespace: 'shop', name: 'web-1' }
  const pods = new Map([['u', pod]])
  const stop = tellPods({
    truth,
    pod: (uid) => pods.get(uid),
    events: { record: (about, { reason }) => said.push(`${about.name} ${reason}`) }
  })
  refuse(row)
  refuse({ ...row, added: 0, comm: 'app' })
  look([view({})], [])
  look([view({ key: 'n2/c@1', node: 'n2', drift: changed.drift })], [])
  refuse({ ...row, node: 'n2' })
  // Told by a quicker way than the container itself.
  refuse({ ...row, container: 'd', comm: '' })
  refuse({ ...row, container: 'd', added: 0 })
  const late = view({ key: 'n1/d@1', id: 'd' })
  look([late], [])
  look([late], [])
  t.same(
    said,
    [
      ...['web-1 FileChanged', 'web-1 CallRefused', 'web-1 CallRefused', 'web-1 AsDeclared'],
      'web-1 CallRefused'
    ],
    'what the hub was told before too; a node is not believed of the pods of another'
  )

  // A satellite may be quicker than the API server, and a pod is told of before its node is.
  said.length = 0
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
  refuse({ ...row, container: 'e' })
  come('v')
  pods.set('v', { ...pod, uid: 'v', name: 'web-2', node: '' })
  come('v')
  t.same(said, [], 'of a pod that nobody knows nothing can be said')
  pods.set('v', { ...pod, uid: 'v', name: 'web-2' })
  // With what the cluster says it is protected as it should be.
  known.set(met.key, { ...met, unprotected: null })
  come('v')
  come('v')
  look([{ ...met, unprotected: null }], [])
  t.same(said, ['web-2 FileChanged', 'web-2 CallRefused'], 'once the pod is known, and once')
  look([], [meet('f', 'w')])
  pods.set('w', { ...pod, uid: 'w', name: 'web-3' })
  come('w')
  t.equal(said.length, 2, 'nothing of one that has ended meanwhile')
  stop()
  t.end()
})
