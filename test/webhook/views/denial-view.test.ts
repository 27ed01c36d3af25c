import { test } from 'tap'
import { openGroups } from '../../../webhook/views/denial-view.js'
import { denial, startUiRig } from '../ui/rig.js'

test('a page and its menu share one list of denials, grouped once', async (t) => {
  let asked = 0
  const rig = await startUiRig({
    denials: () => {
      asked += 1
      return [denial]
    }
  })
  t.teardown(() => rig.app.close())
  // What all pages show of workloads is computed with the first of them.
  t.equal((await rig.get('/')).statusCode, 200)
  for (const path of ['/', '/denials', '/workloads']) {
    const before = asked
    t.equal((await rig.get(path)).statusCode, 200, path)
    t.equal(asked - before, 1, path)
  }
  const list = [denial]
  t.equal(openGroups(list), openGroups(list))
  t.equal(openGroups(list).length, 1)
})
