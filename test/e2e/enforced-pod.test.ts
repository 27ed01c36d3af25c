import { test } from 'tap'
import { findNodePrograms } from '../helpers/api-server-programs.js'
import { whyNoNode } from '../helpers/kubernetes/real-cluster.js'
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

test('a pod on a real node: learned, approved, enforced, attacked', {
  skip,
  timeout: 600_000
}, async (t) => {
  if (found.programs === undefined) return
  const given = await startShop(t, found.programs)
  const learning = await learnDeployment(t, given)
  await approveDeployment(t, given)
  await rollOut(t, given, learning)
  await ownPodsAreNotDenied(t, given)
})
