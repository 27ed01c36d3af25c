import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { LinuxSeccomp, SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { OnNode } from '../helpers/kubernetes/on-node.js'
import { runtimeDefault } from '../../src/seccomp/policy/runtime-default.js'
import type { ContainerView } from '../../webhook/confinement/containers/container-views.js'
import type { Json } from '../helpers/kube.js'
import { containerIdOf, testContainer, testPod, untilPod } from '../helpers/kubernetes/pods.js'
import { asAdministrator } from '../helpers/kubernetes/administrator-token.js'
import { useSecco } from '../helpers/kubernetes/secco-in-use.js'
import { spawnSecco } from '../helpers/secco-command.js'
import { isNightly } from '../helpers/fuzz.js'
import { until } from '../helpers/until.js'
import { replaceFile, whileDamaged } from '../helpers/while-damaged.js'

/** What operators are promised: so long after a change `secco ps` says what is. */
const promisedMs = 5000
const patienceMs = 180_000
const namespace = 'truth'
const configuration = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/secco'

/** `secco ps --watch`, and when it said what. */
function watchPs({ cluster, secco }: OnNode) {
  const all = ['--kubeconfig', cluster.kubeconfig, 'ps', '-n', namespace, '--watch']
  const child = spawnSecco(all, { SECCO_TOKEN: secco.token })
  const lines: { at: number; line: string }[] = []
  let rest = ''
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  child.stdout.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n')
    rest = parts.pop() ?? ''
    for (const line of parts) lines.push({ at: Date.now(), line })
    child.emit('said')
  })
  return {
    /** It is connected once it has said anything. */
    connected: () =>
      until('secco ps --watch to speak', () => said + rest !== '' || lines.length > 0 || undefined),
    /** When it first said so of a pod at or after `since`; undefined when it does not within `forMs`. */
    async told(pod: string, state: string, since: number, forMs = patienceMs) {
      const form = new RegExp(`^${namespace} +Pod/${pod} +app +\\S+ +${state}`)
      const end = AbortSignal.timeout(forMs)
      for (let from = 0; ; ) {
        const found = lines.slice(from).find(({ at, line }) => at >= since && form.test(line))
        if (found !== undefined) return found.at
        from = lines.length
        const more = await once(child, 'said', { signal: end }).catch(() => undefined)
        if (more === undefined) return undefined
      }
    },
    said: () =>
      said +
      lines
        .slice(-15)
        .map(({ line }) => `\n${line}`)
        .join(''),
    async stop() {
      child.kill('SIGINT')
      if (child.exitCode === null) await once(child, 'close')
    }
  }
}

/** When a process began, in ms since 1970 (proc_pid_stat(5), field 22; a tick is 10 ms). */
async function beganAt(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
  const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
  const uptime = Number((await readFile('/proc/uptime', 'latin1')).split(' ')[0])
  return Date.now() - (uptime * 1000 - ticks * 10)
}

/** Ten containers in ten states: `secco ps` and `secco explain` are right about each within 5 s of the change. */
export async function tenStates(t: Test, given: OnNode): Promise<void> {
  const { cluster, secco, needs } = given
  const { kube } = cluster
  const node = cluster.node()
  const use = await useSecco(cluster, namespace, secco.state)
  const filePath = (path: string): string => join(node.seccompRoot, path)
  const times: Record<string, number> = {}

  const approved = (name: string, more: readonly string[]): Json => {
    const own = more.length === 0 ? [] : [{ names: [...more], action: 'SCMP_ACT_ALLOW' }]
    const syscalls = [...(needs.syscalls ?? []), ...own]
    return {
      ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompProfile', metadata: { name } },
      spec: {
        workload: { kind: 'Pod', name, container: 'app' },
        seccomp: { ...needs, syscalls }
      }
    }
  }
  const distinct = { enforced: [], stale: ['sysinfo'], changed: ['times'], audited: ['getitimer'] }
  const others = { deleted: ['getpgid'], wrong: ['sched_getparam'] }
  for (const [name, more] of Object.entries({ ...distinct, ...others })) {
    await use.create('seccompprofiles', approved(name, more))
  }
  await use.create('seccomprules', {
    ...{ apiVersion: 'secco.dev/v1alpha1', kind: 'SeccompRule', metadata: { name: 'audited' } },
    spec: {
      podSelector: { matchLabels: { truth: 'audited' } },
      ...{ profile: { name: 'audited' }, mode: 'audit' }
    }
  })

  const podOf = (name: string, labels: Record<string, string>, securityContext: Json = {}): Json =>
    testPod({ name, labels }, [testContainer('app', undefined, { securityContext })])
  /** Makes a pod once the webhook gives it that file. */
  const admit = async (name: string, labels: Record<string, string>, path: string) => {
    await use.given(podOf(name, labels), path)
    await use.create('pods', podOf(name, labels))
  }
  const profiled = (name: string) => ({ 'secco.dev/profile': name })
  const ps = watchPs(given)
  t.teardown(() => ps.stop())
  await ps.connected()
  /** From the beginning of the container's process to the line that says its state. */
  const started = async (name: string, state: string): Promise<void> => {
    const pod = await untilPod(cluster, namespace, name)
    const began = await beganAt(await node.pidOf(containerIdOf(pod, 'app')))
    const at = await ps.told(name, state, 0)
    t.not(at, undefined, `${name}: ${state}`)
    if (at === undefined) t.comment(ps.said())
    else times[name] = Math.round(at - began)
  }
  /** From a change of a revision's file to the line that tells of it. */
  const touched = async (name: string, state: string, change: () => Promise<void>) => {
    const began = Date.now()
    const at = await whileDamaged(change, () => ps.told(name, state, began))
    if (at === undefined) t.fail(`${name}: ${state} was not told: ${ps.said()}`)
    else times[name] = at - began
  }

  // All but the last two at once, each measured from its own beginning.
  const first = await use.delivered('enforced')
  const [stale, changed, deleted] = [
    await use.delivered('stale'),
    await use.delivered('changed'),
    await use.delivered('deleted')
  ]
  const [audited, wrong] = [await use.delivered('audited'), await use.delivered('wrong')]
  const seccompProfile = (type: string): Json => ({ seccompProfile: { type } })
  await use.create('pods', podOf('open', {}, seccompProfile('Unconfined')))
  await use.create('pods', podOf('plain', {}, seccompProfile('RuntimeDefault')))
  await use.create('pods', podOf('privileged', {}, { privileged: true }))
  await admit('audited', { truth: 'audited' }, audited.audit)
  await admit('enforced', profiled('enforced'), first.enforce)
  await admit('stale', profiled('stale'), stale.enforce)
  await admit('changed', profiled('changed'), changed.enforce)
  await admit('deleted', profiled('deleted'), deleted.enforce)
  await started('open', 'unconfined +-')
  await started('plain', 'RuntimeDefault +-')
  await started('privileged', 'not protectable +-')
  await started('audited', 'audit +audited@[0-9a-f]{8} +-')
  for (const name of ['enforced', 'stale', 'changed', 'deleted']) {
    await started(name, `enforced +${name}@[0-9a-f]{8} +-`)
  }

  await touched('changed', 'enforced \\(FileChanged\\)', () =>
    replaceFile(filePath(changed.enforce), '{"defaultAction":"SCMP_ACT_ALLOW"}')
  )
  await touched('deleted', 'enforced \\(FileMissing\\)', () =>
    rm(filePath(deleted.enforce), { force: true })
  )
  // A wrong file under the right name, at the moment when the container starts.
  const replace = () => replaceFile(filePath(wrong.enforce), JSON.stringify(runtimeDefault()))
  await whileDamaged(replace, async () => {
    await admit('wrong', profiled('wrong'), wrong.enforce)
    await started('wrong', 'RuntimeDefault \\(ConfigDiffers')
  })
  // The webhook is away: its Service has no such port, and the API server goes on without it.
  const port = async (to: number): Promise<void> => {
    await kube.do(
      'PATCH',
      configuration,
      [{ op: 'replace', path: '/webhooks/0/clientConfig/service/port', value: to }],
      { contentType: 'application/json-patch+json' }
    )
  }
  await port(1)
  await until('the API server to have noticed', async () => {
    const where = `/api/v1/namespaces/${namespace}/pods?dryRun=All`
    const { body } = await kube.call('POST', where, podOf('missed', profiled('enforced')))
    return JSON.stringify(body).includes(first.enforce) ? undefined : true
  })
  await use.create('pods', podOf('missed', profiled('enforced')))
  await port(443)
  await started('missed', 'unconfined \\(not protected\\)')
  // Last: the next revision makes the one that runs stale.
  const { spec } = approved('stale', ['sysinfo', 'getpriority'])
  const path = `/apis/secco.dev/v1alpha1/namespaces/${namespace}/seccompprofiles/stale`
  const renewed = Date.now()
  await use.patch(path, { spec })
  const at = await ps.told('stale', 'enforced +stale@[0-9a-f]{8} +yes', 0)
  if (at === undefined) t.fail(`it is not stale: ${ps.said()}`)
  else times['stale'] = at - renewed
  await ps.stop()

  t.comment(`ms from the change to the line of secco ps: ${JSON.stringify(times)}`)
  // Otherwise other clusters run beside this one.
  if (isNightly)
    for (const [name, ms] of Object.entries(times))
      t.ok(ms <= promisedMs, `${name}: known within ${promisedMs} ms (${ms} ms)`)
  t.equal(Object.keys(times).length, 10, 'ten states')

  const listed = await asAdministrator(given, 'ps', '-n', namespace, '-o', 'json')
  const { items } = JSON.parse(listed.stdout) as { items: ContainerView[] }
  const states = Object.fromEntries(items.map(({ pod, state }) => [pod, state]))
  t.strictSame(states, {
    ...{ open: 'unconfined', plain: 'runtime-default', privileged: 'not-protectable' },
    ...{ audited: 'audit', enforced: 'enforced', stale: 'enforced', changed: 'enforced' },
    ...{ deleted: 'enforced', wrong: 'runtime-default', missed: 'unconfined' }
  })
  for (const { pod, checked, unprotected } of items) {
    const isOpen = ['open', 'privileged', 'missed'].includes(pod)
    t.equal(checked, isOpen ? 'none' : 'bytes', `${pod}: its filter was read`)
    if (!['missed', 'wrong'].includes(pod)) t.equal(unprotected, null, pod)
  }

  const chosen = await asAdministrator(given, 'ps', '-A', '-l', 'truth=audited', '-o', 'name')
  t.match(chosen.stdout, /^container\/truth\/app\/[0-9a-f]{64}\n$/, 'by label, in all namespaces')

  const words: Record<string, RegExp> = {
    open: /unconfined; it was started without a seccomp profile/,
    plain: /RuntimeDefault; the kernel's filter is this one, byte for byte/,
    privileged: /not protectable; privileged: the runtime puts no filter on it/,
    audited: /audit; audited@[0-9a-f]{8}: .*byte for byte[^]*rule truth\/audited/i,
    enforced: /enforced; enforced@[0-9a-f]{8}: .*byte for byte[^]*is on 1 of 1 node/,
    stale:
      /A new container would get stale@[0-9a-f]{8}; this one keeps its own until it restarts: kubectl --kubeconfig \S+ delete pod/,
    changed: /enforced; changed@[0-9a-f]{8}: .*byte for byte/,
    deleted: /enforced; deleted@[0-9a-f]{8}: .*byte for byte/,
    wrong: /Drift: assigned wrong@[0-9a-f]{8}, started with another profile[^]*started without it/,
    missed:
      /It should be protected: .*its pod has no decision of Secco[^]*does not know an answer of the webhook/
  }
  const explained = await Promise.all(
    Object.keys(words).map(
      async (pod) => (await asAdministrator(given, 'explain', pod, '-n', namespace)).stdout
    )
  )
  for (const [index, [pod, form]] of Object.entries(words).entries()) {
    t.match(explained[index], form, `explain ${pod}`)
  }

  interface Event {
    reason: string
    regarding: { name: string }
    note: string
  }
  const wanted = {
    ...{ changed: 'FileChanged', deleted: 'FileMissing', wrong: 'ConfigDiffers' },
    missed: 'NotProtected'
  }
  const events = await until('an event on each pod', async () => {
    const list = await kube.do('GET', `/apis/events.k8s.io/v1/namespaces/${namespace}/events`)
    const all = list['items'] as Event[]
    return Object.entries(wanted).every(([pod, reason]) =>
      all.some((one) => one.regarding.name === pod && one.reason === reason)
    )
      ? all
      : undefined
  })
  const drift = ['FileChanged', 'FileMissing', 'ConfigDiffers', 'NotProtected', 'Unconfined']
  t.strictSame(
    [
      ...new Set(
        events.filter(({ reason }) => drift.includes(reason)).map((one) => one.regarding.name)
      )
    ].sort(),
    ['changed', 'deleted', 'missed', 'wrong'],
    'and on no other'
  )
  t.match(
    (await use.profile('wrong'))?.status?.conditions?.find(({ type }) => type === 'Drifted'),
    { status: 'True' },
    'a condition'
  )
}

/** `secco doctor --kubeconfig`: green on a cluster of two nodes that works; red at what was broken, with the fix. */
export async function doctorInCluster(t: Test, given: Omit<OnNode, 'needs'>): Promise<void> {
  const { cluster, secco } = given
  const { kube } = cluster
  await cluster.addNode({ name: 'node-2' })
  await until(
    'the satellite of the second node',
    async () =>
      (await secco.nodes()).filter((one) => one.connected).length === 2 ? true : undefined,
    { timeoutMs: patienceMs }
  )
  const good = await asAdministrator(given, 'doctor')
  t.equal(good.code, 0, good.stdout + good.stderr)
  // After an empty line the checks of the hub follow.
  const chainOf = ({ stdout }: { stdout: string }): string => stdout.split('\n\n')[0] ?? ''
  t.equal(chainOf(good).match(/^✓ /gm)?.length, 9)
  const filter = "the kernel's filter is that revision +secco-doctor@\\w+: .*byte for byte"
  const denial = 'a denial is recorded with its process +getsid by \\S+ got EPERM'
  for (const link of [
    'a pod starts under the profile .*',
    'the file on its node .*',
    filter,
    denial
  ]) {
    t.match(good.stdout, new RegExp(`✓ ${link} on node-1, node-2$`, 'm'), link)
  }
  t.match(chainOf(good), /the whole chain works$/)
  t.comment(good.stdout)

  const { metadata, ...rest } = await kube.do('GET', configuration)
  const { labels } = metadata as { labels: Json }
  await kube.do('DELETE', configuration)
  const unasked = await asAdministrator(given, 'doctor', '--nodes', '1')
  t.equal(unasked.code, 1)
  t.match(
    unasked.stdout,
    /✗ the API server is configured to call the webhook +there is no MutatingWebh/
  )
  t.match(
    unasked.stdout,
    /next: secco --kubeconfig \S+ install .* kubectl --kubeconfig \S+ apply -f -/
  )
  t.match(unasked.stdout, /· the webhook patches a pod that asks for it +not tried/)
  t.match(chainOf(unasked), /\nnot tried: node-2 \(beyond --nodes 1\)$/)
  t.comment(unasked.stdout)
  await kube.do('POST', configuration.replace(/\/secco$/, ''), {
    ...rest,
    metadata: { name: 'secco', labels }
  })

  const scale = '/apis/apps/v1/namespaces/secco-system/deployments/secco'
  const merge = { contentType: 'application/merge-patch+json' }
  await kube.do('PATCH', scale, { spec: { replicas: 0 } }, merge)
  const away = await asAdministrator(given, 'doctor')
  t.equal(away.code, 1)
  t.match(away.stdout, /✗ Secco is installed.* +deployment secco is scaled to 0/)
  t.match(
    away.stdout,
    /next: kubectl --kubeconfig \S+ -n secco-system scale deployment secco --replicas=2/
  )
  t.comment(away.stdout)
  await until(
    'the namespace of the doctor to be gone',
    async () => {
      const { status } = await kube.call('GET', '/api/v1/namespaces/secco-doctor')
      return status === 404 ? true : undefined
    },
    { timeoutMs: patienceMs }
  )
}

/** Of `kubectl get seccompprofiles`: what people approved. */
export function approvedPart(profile: SeccompProfile | undefined): LinuxSeccomp {
  const seccomp = profile?.spec.seccomp
  if (seccomp === undefined) throw new Error('nothing is approved')
  return seccomp
}
