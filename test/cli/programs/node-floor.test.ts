import { join } from 'node:path'
import { test } from 'tap'
import { statePaths } from '../../../cli/lib/state.js'
import { startNode } from '../../../cli/programs/start-node.js'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { until } from '../../helpers/until.js'
import { createRig } from '../../webhook/hub/rig.js'

/** A person approved mount, which RuntimeDefault denies. */
const profile: SeccompProfile = {
  ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile' },
  metadata: { namespace: 'shop', name: 'web' },
  spec: {
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: ['mount'], action: 'SCMP_ACT_ALLOW' }]
    }
  }
}

test('the floor that a node is started with is the one that it keeps', async (t) => {
  const rig = await createRig()
  t.teardown(() => rig.dispose())
  const hub = await rig.hub()
  await rig.store.apply('SeccompProfile', profile)
  await rig.store.update('SeccompProfile', { namespace: 'shop', name: 'web' }, (one) => ({
    ...one,
    status: { approvals: [{ by: 'ann', at: '2026-01-01T00:00:00Z', revision: '' }] }
  }))
  await hub.flush()
  for (const floor of ['approved', 'runtime-default'] as const) {
    const state = join(rig.dir, floor)
    const node = await startNode({
      paths: { ...statePaths({ env: {} }, state, 0), certs: rig.certs },
      ...{ hub: `127.0.0.1:${hub.address.port}`, node: floor, floor, record: 'off' },
      ...{
        seccompRoot: join(state, 'kubelet'),
        runcRoots: [],
        containerdSocket: join(state, 'no')
      },
      logger: rig.log.logger
    })
    t.teardown(() => node.close())
    const told = await until(
      `what ${floor} makes of the revision`,
      () => {
        const one = hub.nodes().find(({ name }) => name === floor)
        const [problem] = [...(one?.problems.values() ?? [])].map(({ code }) => code)
        return problem ?? (one !== undefined && one.holding.size > 0 ? 'held' : undefined)
      },
      { timeoutMs: 30_000 }
    )
    t.equal(told, floor === 'approved' ? 'held' : 'WEAKER_THAN_FLOOR', floor)
  }
})
