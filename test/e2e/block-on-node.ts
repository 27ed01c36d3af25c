import type { Test } from 'tap'
import type { SeccompProfile, SeccompSyscall } from '../../src/api/seccomp-profile.js'
import { type OnNode, succeeding } from '../helpers/kubernetes/on-node.js'
import type { Radius } from '../../webhook/confinement/what-if/radius.js'
import { asAdministrator } from '../helpers/kubernetes/administrator-token.js'
import { type Pod, seccompOf, testContainer, testPod } from '../helpers/kubernetes/pods.js'
import { type Delivered, testDeployment, useSecco } from '../helpers/kubernetes/secco-in-use.js'
import { until } from '../helpers/until.js'

const namespace = 'fleet'
/** All five may make it, two do. */
const call = 'mknod'
const path = `/call/${call}`
const served = `${call} ok\n`
const deniedAnswer = `${call} denied errno 1\n`
const workloads = ['cart', 'mail', 'news', 'shop', 'wiki']
const users = ['cart', 'news']

/**
 * `secco block` of a call that two of five workloads use: names these two before; after it was applied and all were
 * restarted as it says, nobody can make the call; taken back, whoever restarts can again.
 */
export async function emergencyBlock(t: Test, given: OnNode): Promise<void> {
  const { cluster, secco, needs } = given
  const use = await useSecco(cluster, namespace, secco.state)
  const me = succeeding(t, given)
  const fileOf = (pod: Pod) => seccompOf(pod)?.localhostProfile
  const own: SeccompSyscall = { names: [call], action: 'SCMP_ACT_ALLOW' }
  const seccomp = { ...needs, syscalls: [...(needs.syscalls ?? []), own] }
  const labelsOf = (name: string) => ({ 'secco.dev/profile': name })
  const podOf = (name: string) =>
    testPod({ name: `${name}-0`, labels: labelsOf(name) }, [testContainer('app')])
  /** Of each workload its revision, once the webhook gives it. */
  const delivered = async (before?: ReadonlyMap<string, Delivered>) => {
    const all = new Map<string, Delivered>()
    for (const name of workloads) {
      const newest = await use.delivered(name, before?.get(name)?.revision)
      await use.given(podOf(name), newest.enforce)
      all.set(name, newest)
    }
    return all
  }
  const running = async (revisions: ReadonlyMap<string, Delivered>, names = workloads) => {
    const pods = new Map<string, Pod>()
    for (const name of names) {
      const isNew = (pod: Pod): boolean => fileOf(pod) === revisions.get(name)?.enforce
      const [pod] = await use.ready(`app=${name}`, 1, isNew)
      if (pod !== undefined) pods.set(name, pod)
    }
    return pods
  }

  for (const name of workloads) {
    const workload = { kind: 'Deployment', name, container: 'app' } as const
    const profile: SeccompProfile = {
      ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { name } },
      spec: { workload, seccomp }
    }
    await use.create('seccompprofiles', { ...profile })
  }
  const before = await delivered()
  for (const name of workloads) {
    await use.create('deployments', testDeployment(name, labelsOf(name)))
  }
  for (const [name, pod] of await running(before)) {
    if (users.includes(name)) t.equal(await use.ask(pod, path), served, name)
  }

  const radius = await until(
    'the calls of all five to be known',
    async () => {
      const asked = ['simulate', '--deny', call, '-n', namespace, '-o', 'json']
      const one = JSON.parse((await asAdministrator(given, ...asked)).stdout) as Radius
      return one.considered === workloads.length && one.hit === users.length ? one : undefined
    },
    { timeoutMs: 120_000, everyMs: 500 }
  )
  t.strictSame(radius.workloads.map(({ workload }) => workload).sort(), [
    ...users.map((name) => `Deployment/${name}`)
  ])
  const dry = await me('block', call, '--dry-run')
  const named = [...dry.stdout.matchAll(/^(\S+) +(\w+\/\S+) +\d+ +\d+ +mknod +runs now$/gm)]
  t.strictSame(
    named.map(([, where, workload]) => `${where} ${workload}`).sort(),
    users.map((name) => `${namespace} Deployment/${name}`),
    dry.stdout
  )
  t.match(dry.stderr, /5 approved profiles change: fleet\/cart fleet\/mail .*fleet\/wiki$/m)
  t.match(dry.stderr, /dry run: nothing was changed/)
  t.comment(dry.stdout + dry.stderr)
  for (const [name, { revision }] of before) {
    t.equal((await use.profile(name))?.status?.revision, revision, `${name}: nothing was`)
  }

  await me('block', call, '--reason', 'a flaw became known')
  const after = await delivered(before)
  const listed = await me('block')
  t.comment(listed.stderr)
  const said = listed.stderr.matchAll(/^ {2}app on node-1: kubectl --kubeconfig \S+ (.*)$/gm)
  const commands = [...said].map(([, command = '']) => command)
  // Others let it through as well: what is in audit allows whatever RuntimeDefault does.
  t.strictSame(
    commands.filter((command) => command.includes(`-n ${namespace} `)).sort(),
    workloads.map((name) => `rollout restart -n ${namespace} deployment/${name}`),
    'those that have to be restarted'
  )
  t.match(listed.stderr, /^blocked now: .*mknod/m)
  t.match(listed.stderr, /\d+ of \d+ running containers deny it \(\d\d? %\)/)
  for (const command of commands) await cluster.kubectl(...command.split(' '))
  const restarted = await running(after)
  let last = ''
  const whole = await until(
    'nobody to restart',
    async () => {
      last = (await asAdministrator(given, 'block')).stderr
      return /deny it/.test(last) && !last.includes(` -n ${namespace} `) ? last : undefined
    },
    { timeoutMs: 120_000, everyMs: 500 }
  ).finally(() => t.comment(last))
  t.notMatch(whole, new RegExp(`^ {2}(${workloads.join('|')}) `, 'm'), 'each of the five denies it')
  for (const [name, pod] of restarted) {
    t.equal(await use.ask(pod, '/'), 'ok\n', `${name} serves`)
    t.equal(await use.ask(pod, path), deniedAnswer, `${name} cannot, whether it did or not`)
  }
  const denied = await until('the denied call of all five', async () => {
    const all = (await secco.denials()).filter(({ syscall }) => syscall === call)
    const names = [...new Set(all.map(({ profile }) => profile))].sort()
    return names.length === workloads.length ? names : undefined
  })
  t.strictSame(denied, workloads)

  // The flaw is fixed: the former revision comes back, byte for byte.
  await me('block', call, '--remove', '--reason', 'every kernel is fixed')
  const [user = ''] = users
  const again = await use.delivered(user, after.get(user)?.revision)
  t.equal(again.revision, before.get(user)?.revision)
  await use.given(podOf(user), again.enforce)
  await cluster.kubectl('-n', namespace, 'rollout', 'restart', `deployment/${user}`)
  const [back] = (await running(before, [user])).values()
  t.not(back, undefined)
  if (back !== undefined) t.equal(await use.ask(back, path), served)
  const { stderr } = await me('block')
  t.notMatch(stderr, /blocked now|kubectl/)
  const overlay = await cluster.kubectl(
    ...['get', 'seccompprofiles.secco.dev', '-n', 'secco-system', 'emergency', '-o', 'yaml']
  )
  t.match(overlay, /reason: ['"]?blocked mknod: a flaw became known/, 'who, what and why is kept')
  // Two decisions in the status, and the newest one in the spec.
  t.equal(overlay.match(/^ +by: admin$/gm)?.length, 3, 'by who it is for the API server')
  t.match(overlay, /reason: ['"]?unblocked mknod: every kernel is fixed/)
}
