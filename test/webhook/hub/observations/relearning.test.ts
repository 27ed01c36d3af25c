import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'tap'
import type { SeccompProfile } from '../../../../src/api/seccomp-profile.js'
import type { Running } from '../../../../webhook/hub/nodes/inventory.js'
import { Relearning } from '../../../../webhook/hub/observations/relearning.js'

const running = (node: string, id: string, name: string) =>
  ({ node, container: { id, name } }) as Running

const profileOf = (name: string, status?: SeccompProfile['status']): SeccompProfile => ({
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', spec: {} },
  metadata: { namespace: 'shop', name },
  ...(status && { status })
})

test('nodes are asked for what they recorded of containers whose profile was created again', async (t) => {
  const all = [
    running('a', 'a1', 'web'),
    running('a', 'a2', 'web'),
    running('a', 'a3', 'api'),
    running('b', 'b1', 'web'),
    running('b', 'b2', 'unknown')
  ]
  let looks = 0
  const asked: [string, string[]][] = []
  const known = new Set<string>()
  const learning = new Set<string>()
  const relearning = new Relearning({
    isKnown: (key) => known.has(key),
    isLearning: (key) => learning.has(key),
    running: () => {
      looks += 1
      return all
    },
    targetOf: (_node, { name }) =>
      name === 'unknown'
        ? undefined
        : { ref: { namespace: 'shop', name }, workload: { kind: 'Container', name } },
    ask: (node, containers) => asked.push([node, containers]),
    delayMs: 5
  })
  const settled = () => delay(30)
  relearning.applied(profileOf('web'))
  relearning.applied(profileOf('web'))
  await settled()
  t.same(asked.splice(0), [
    ['a', ['a1', 'a2']],
    ['b', ['b1']]
  ])
  relearning.applied(profileOf('web'))
  relearning.applied(profileOf('api'))
  await settled()
  t.same(asked.splice(0), [
    ['a', ['a1', 'a2', 'a3']],
    ['b', ['b1']]
  ])
  t.equal(looks, 2, 'one look for profiles that are created together')
  relearning.applied(profileOf('web', { instances: [] }))
  relearning.applied(profileOf('other'))
  await settled()
  t.same(asked, [], 'one that has learned, and one of no container')
  known.add('shop/web')
  relearning.applied(profileOf('web'))
  await settled()
  t.same(asked, [], 'one that was there before')
  known.clear()
  learning.add('shop/web')
  relearning.applied(profileOf('web'))
  await settled()
  t.same(asked, [], 'one that learning creates')
  relearning.deleted({ namespace: 'shop', name: 'web' })
  relearning.applied(profileOf('web'))
  await settled()
  t.equal(asked.splice(0).length, 2, 'one that learning creates after it was deleted')
  learning.clear()
  relearning.applied(profileOf('web'))
  relearning.close()
  await settled()
  t.same(asked, [], 'closed')
})
