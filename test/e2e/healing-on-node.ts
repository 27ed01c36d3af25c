import type { Test } from 'tap'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { type OnNode, succeeding } from '../helpers/kubernetes/on-node.js'
import type { ContainerView } from '../../webhook/confinement/containers/container-views.js'
import type { DenialView } from '../../webhook/confinement/denials/denial-views.js'
import { asAdministrator } from '../helpers/kubernetes/administrator-token.js'
import { type Pod, seccompOf, testContainer, testPod } from '../helpers/kubernetes/pods.js'
import { testDeployment, useSecco } from '../helpers/kubernetes/secco-in-use.js'
import { until } from '../helpers/until.js'
import { smaller } from './canary-on-node.js'

const namespace = 'healing'
const labels = { 'secco.dev/profile': 'web' }
const path = '/call/getsid'

/** A denied call in audit, then in enforce: seen, attributed, explained; allowed by a person; rolled; gone. */
export async function deniedAndHealed(t: Test, given: OnNode): Promise<void> {
  const { cluster, secco, needs } = given
  const use = await useSecco(cluster, namespace, secco.state)
  const me = succeeding(t, given)
  const listed = async <Item>(what: string): Promise<Item[]> => {
    const { stdout } = await asAdministrator(given, what, '-n', namespace, '-o', 'json')
    return (JSON.parse(stdout) as { items: Item[] }).items
  }
  const fileOf = (pod: Pod) => seccompOf(pod)?.localhostProfile
  const podWith = async (file: string): Promise<Pod> => {
    const [pod] = await use.ready('app=web', 1, (one) => fileOf(one) === file)
    if (pod === undefined) throw new Error('no pod')
    return pod
  }
  const willGet = (file: string) =>
    use.given(testPod({ name: 'web-0', labels }, [testContainer('app')]), file)
  /** The denied call with who made it: of one that came before anybody looked nobody knows. */
  const denied = (pod: Pod, answer: string) =>
    until(
      `getsid: ${answer}`,
      async () => {
        const all = await listed<DenialView>('denials')
        const own = all.filter((one) => one.syscall === 'getsid' && one.answer === answer)
        const known = own.find(({ comm }) => comm !== '')
        if (known === undefined && own.length > 0) await use.ask(pod, path)
        return known
      },
      { timeoutMs: 180_000, everyMs: 500 }
    )

  const workload = { kind: 'Deployment', name: 'web', container: 'app' } as const
  const profile: SeccompProfile = {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { name: 'web' } },
    spec: { workload, seccomp: smaller(needs) }
  }
  await use.create('seccompprofiles', { ...profile })
  const first = await use.delivered('web')
  await me('promote', `${namespace}/web`, 'audit', '--reason', 'a first look')
  await willGet(first.audit)
  await use.create('deployments', testDeployment('web', labels))
  const audited = await podWith(first.audit)
  t.equal(await use.ask(audited, path), 'getsid ok\n', 'allowed in audit')
  t.match(await denied(audited, 'logged'), {
    ...{ mode: 'audit', comm: 'server', containerName: 'app', workload: 'Deployment/web' },
    hint: /enforce would deny it: secco denials allow healing\/web getsid/
  })
  // It was asked for getsid while it started: without force the step is rejected.
  const dry = ['enforce', '--force', '--dry-run', '--reason', 'is it safe']
  const evidence = await me('promote', `${namespace}/web`, ...dry)
  t.match(evidence.stdout, /[1-9]\d* calls? would have been denied, of kinds that were made since/)
  t.match(
    evidence.stdout,
    /next mode: enforce, not yet: enforce would have denied \d+ calls?: getsid/
  )

  await me('promote', `${namespace}/web`, 'enforce', '--force', '--reason', 'nobody needs it')
  await willGet(first.enforce)
  await cluster.kubectl('-n', namespace, 'rollout', 'restart', 'deployment/web')
  const enforced = await podWith(first.enforce)
  t.equal(await use.ask(enforced, path), 'getsid denied errno 1\n')
  t.match(await denied(enforced, 'EPERM'), { mode: 'enforce', comm: 'server', profile: 'web' })
  const compared = (name: string) =>
    until(`the filter of ${name} to be compared`, async () =>
      (await listed<ContainerView>('ps')).find((one) => one.pod === name && one.checked === 'bytes')
    )
  await compared(enforced.metadata.name)
  const why = await me('why-eperm', 'web', '-n', namespace)
  t.match(
    why.stdout,
    /server \(pid \d+\) in container app of pod \S+ on node-1 called getsid and got EPERM, \d+ times?/
  )
  t.match(why.stdout, /It runs under web@[0-9a-f]{8}: .*byte for byte/)

  const allow = ['denials', 'allow', `${namespace}/web`, 'getsid']
  t.match((await me(...allow)).stdout, /\+ getsid\nrevision sha256:\w+ → a new one/)
  t.equal((await use.profile('web'))?.status?.revision, first.revision, 'nothing without --yes')
  const allowed = await me(...allow, '--yes', '--reason', 'it is needed after all')
  const next = await use.delivered('web', first.revision)
  t.match(allowed.stdout, `→ ${next.revision.slice(0, 19)}`)
  const [, restart = ''] =
    /^ {2}app on node-1 keeps its filter until you run: kubectl --kubeconfig \S+ (.*)$/m.exec(
      allowed.stderr
    ) ?? []
  t.equal(restart, `rollout restart -n ${namespace} deployment/web`, 'proposed, not done')
  await willGet(next.enforce)
  await cluster.kubectl(...restart.split(' '))
  const healed = await podWith(next.enforce)
  t.equal(await use.ask(healed, path), 'getsid ok\n')
  const view = await compared(healed.metadata.name)
  t.match(view, { state: 'enforced', revision: next.revision, stale: false, drift: [], denials: 0 })
  // Until its first observation has come, nobody knows that it is recorded from its first instruction.
  await until('the healed pod to have no denial since its start', async () => {
    const { stdout } = await me('why-eperm', healed.metadata.name, '-n', namespace)
    return /no syscall was denied since its start/.test(stdout) || undefined
  })

  const by = 'system:serviceaccount:default:administrator'
  t.match((await use.profile('web'))?.status?.history, [
    { action: 'promote', by, to: 'audit', reason: 'a first look' },
    { action: 'promote', by, from: 'audit', to: 'enforce', evidence: /would have been denied/ },
    { action: 'allow', by }
  ])
}
