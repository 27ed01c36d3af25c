import { test } from 'tap'
import { findNodePrograms } from '../helpers/api-server-programs.js'
import type { Pod } from '../helpers/kubernetes/pods.js'
import { whyNoNode } from '../helpers/kubernetes/real-cluster.js'
import { rulesWithoutWebhook } from './policy-on-node.js'
import { fiftyPods } from './race-on-node.js'
import { emergencyBlock } from './block-on-node.js'
import { canaryGoesBack } from './canary-on-node.js'
import { labelEnforcesAfterStart } from './label-on-node.js'
import { deniedAndHealed } from './healing-on-node.js'
import { traceOnNode } from './trace-on-node.js'
import { approvedPart, doctorInCluster, tenStates } from './truth-on-node.js'
import {
  approveDeployment,
  learnDeployment,
  ownPodsAreNotDenied,
  rollOut,
  startShop
} from './shop-on-node.js'

const unable = whyNoNode()
const found = unable === undefined ? await findNodePrograms() : { skip: unable }
const skip = found.skip ?? false

test('from a labelled Deployment to an enforced filter', {
  skip,
  timeout: 1_500_000
}, async (t) => {
  const { programs } = found
  if (programs === undefined) return
  const given = await startShop(t, programs)
  const { cluster, secco, shop } = given
  const { kubectl } = programs
  let learning: Pod | undefined

  await t.test('learn: under RuntimeDefault, and its profile grows', async (t) => {
    learning = await learnDeployment(t, given)
  })

  await t.test('profiler: a running pod, from the pages and the command line', async (t) => {
    if (learning !== undefined) await traceOnNode(t, { cluster, secco, shop, pod: learning })
  })

  await t.test('approve: every node has the file', (t) => approveDeployment(t, given))

  await t.test('roll out: our filter, it serves, an attack is denied and seen', async (t) => {
    if (learning !== undefined) await rollOut(t, given, learning)
  })

  await t.test('nothing was denied to our own pods; what is, is seen', (t) =>
    ownPodsAreNotDenied(t, given)
  )

  await t.test('ten containers in ten states', async (t) => {
    const needs = approvedPart(await shop.profile('web.app'))
    await tenStates(t, { cluster, secco, needs })
  })

  await t.test('the race: fifty pods while a revision is on its way', async (t) => {
    const needs = approvedPart(await shop.profile('web.app'))
    await fiftyPods(t, { cluster, state: secco.state, needs })
  })

  await t.test('without the webhook: a rule as a policy, kept by the hub', async (t) => {
    const needs = approvedPart(await shop.profile('web.app'))
    await rulesWithoutWebhook(t, { cluster, kubectl, secco, needs })
  })

  await t.test('a canary that breaks one path is taken back', async (t) => {
    await canaryGoesBack(t, { cluster, secco, needs: approvedPart(await shop.profile('web.app')) })
  })

  await t.test('a denied call in each mode: explained, allowed, rolled, gone', async (t) => {
    await deniedAndHealed(t, { cluster, secco, needs: approvedPart(await shop.profile('web.app')) })
  })

  await t.test('a label, before and after a start was recorded', async (t) => {
    const needs = approvedPart(await shop.profile('web.app'))
    await labelEnforcesAfterStart(t, { cluster, secco, needs })
  })

  await t.test('block: who uses it before, nobody after', async (t) => {
    await emergencyBlock(t, { cluster, secco, needs: approvedPart(await shop.profile('web.app')) })
  })

  await t.test('doctor: the chain proven, and red where it is broken', async (t) => {
    await doctorInCluster(t, { cluster, secco })
  })
})
