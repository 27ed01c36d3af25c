import type { Test } from 'tap'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { OnNode } from '../helpers/kubernetes/on-node.js'
import { asAdministrator } from '../helpers/kubernetes/administrator-token.js'
import { seccompOf, testContainer, testPod } from '../helpers/kubernetes/pods.js'
import { useSecco } from '../helpers/kubernetes/secco-in-use.js'
import { until } from '../helpers/until.js'

const namespace = 'label'
const labels = { 'secco.dev/profile': 'api', app: 'api' }

/**
 * A profile that was recorded from a container which ran already: its label gives audit to the first pod, which shows the start,
 * and enforce to the next one.
 */
export async function labelEnforcesAfterStart(t: Test, given: OnNode): Promise<void> {
  const { cluster, secco, needs } = given
  const use = await useSecco(cluster, namespace, secco.state)
  const me = (...args: string[]) => asAdministrator(given, ...args)
  const path = `/apis/secco.dev/v1alpha1/namespaces/${namespace}/seccompprofiles/api`
  const workload = { kind: 'Pod', name: 'api', container: 'app' } as const
  await use.create('seccompprofiles', {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { name: 'api' } },
    spec: { workload }
  })
  const lastSeen = new Date().toISOString()
  const late = { id: 'node-1/boot/1.2.1', node: 'node-1', complete: false, ended: true, lastSeen }
  await use.patch(`${path}/status`, { status: { instances: [{ ...late, part: 'entry' }] } })
  await use.patch(path, { spec: { seccomp: needs } })
  const { audit, enforce } = await use.delivered('api')
  const modeOf = async () => (await use.profile('api'))?.status?.labelMode
  t.equal(await modeOf(), 'audit', 'no start was recorded')
  const podOf = (name: string) => testPod({ name, labels }, [testContainer('app')])
  const shown = await me('profile', 'show', `${namespace}/api`)
  t.match(shown.stdout, /New pods: +with the label secco.dev\/profile: api they get it in audit/)

  await use.given(podOf('first'), audit)
  await use.create('pods', podOf('first'))
  const [first] = await use.ready('app=api', 1)
  if (first === undefined) return
  t.match(seccompOf(first), { type: 'Localhost', localhostProfile: audit })
  t.equal(await use.ask(first, '/'), 'ok\n')

  // Its start was recorded, and what is approved allows it.
  const isWhole = ({ status }: SeccompProfile) =>
    status?.instances?.some(({ complete }) => complete) === true
  await until('the start of the first pod, and the label to enforce', async () => {
    const profile = await use.profile('api')
    return profile !== undefined && isWhole(profile) && profile.status?.labelMode === undefined
      ? profile
      : undefined
  })
  await use.given(podOf('second'), enforce)
  await use.create('pods', podOf('second'))
  const both = await use.ready('app=api', 2)
  const second = both.find(({ metadata }) => metadata.name === 'second')
  t.match(second && seccompOf(second), { type: 'Localhost', localhostProfile: enforce })
  if (second !== undefined) t.equal(await use.ask(second, '/'), 'ok\n')
}
