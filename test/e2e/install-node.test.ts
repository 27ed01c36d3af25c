import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { satelliteCapabilities } from '../../cli/install/satellite.js'
import { version } from '../../src/lib/version.js'
import { findNodePrograms } from '../helpers/api-server-programs.js'
import type { Json } from '../helpers/kube.js'
import { kubectlOf } from '../helpers/kubectl.js'
import {
  applyInstall,
  saidByInstallation,
  untilInstalled
} from '../helpers/kubernetes/apply-install.js'
import { measuring } from '../helpers/kubernetes/measuring.js'
import { confinedBy, confinementOfOwnPods, watchOwnPods } from '../helpers/kubernetes/own-pods.js'
import {
  containerIdOf,
  isReady,
  listPods,
  type Pod,
  seccompOf,
  testContainer,
  testPod,
  untilPod
} from '../helpers/kubernetes/pods.js'
import { startRealCluster, whyNoNode } from '../helpers/kubernetes/real-cluster.js'
import { seccoImageArchive } from '../helpers/kubernetes/test-images.js'
import { runSecco } from '../helpers/secco-command.js'
import { until } from '../helpers/until.js'
import { checkUnusedFiles } from './files-on-node.js'

const unable = whyNoNode()
const found = unable === undefined ? await findNodePrograms() : { skip: unable }
const skip = found.skip ?? false
const image = `docker.io/library/secco:${version}`
const namespace = 'secco-system'

test('what secco install prints runs on a real node', { skip, timeout: 1_500_000 }, async (t) => {
  if (found.programs === undefined) return
  const folder = await mkdtemp(join(tmpdir(), 'secco-install-node-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const cluster = await startRealCluster({
    programs: found.programs,
    images: [await seccoImageArchive(folder, image)]
  })
  t.teardown(() => cluster.stop())
  const { kube } = cluster
  const kubectl = kubectlOf(found.programs.kubectl, cluster.kubeconfig)
  const own = await watchOwnPods(cluster.node(), 'install-node')
  t.teardown(() => own.stop())
  await applyInstall(kubectl, ['--small', '--image', image])

  await untilInstalled(kube, kubectl)
  const told = (): Promise<string> => saidByInstallation(kubectl)

  await t.test('the satellite has its capabilities and a filter, and nothing more', async (t) => {
    const { items } = (await kube.do(
      'GET',
      `/api/v1/namespaces/${namespace}/pods?labelSelector=secco.dev/role-satellite`
    )) as { items: Json[] }
    const [pod] = items
    if (pod === undefined) throw new Error('no satellite pod')
    const pid = await cluster.node().pidOf(containerIdOf(pod as never, 'satellite'))
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const bits = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`)
    const numbers: Record<string, bigint> = {
      ...{ BPF: 39n, PERFMON: 38n },
      ...{ SYS_PTRACE: 19n, DAC_READ_SEARCH: 2n }
    }
    const wanted = satelliteCapabilities.reduce(
      (sum, name) => sum | (1n << (numbers[name] ?? 63n)),
      0n
    )
    t.equal(bits, wanted)
    t.match(status, /^Seccomp:\s*2$/m)
    t.match(status, /^NoNewPrivs:\s*1$/m)
  })

  await t.test('observe: told, not done; enabled: done', async (t) => {
    for (const [name, labels] of [
      ['shop', {}],
      ['live', { 'secco.dev/mode': 'enabled' }]
    ] as const) {
      await kube.do('POST', '/api/v1/namespaces', { metadata: { name, labels } })
    }
    const labels = { 'secco.dev/learn': 'true' }
    const pod = { ...testPod({ name: 'dry', labels }, [testContainer('app')]) }
    const create = (where: string) =>
      kube.call('POST', `/api/v1/namespaces/${where}/pods?dryRun=All`, pod)
    const observed = await until('an observed pod to be reported', async () => {
      const answer = await create('shop')
      return answer.warnings.some((one) => one.includes('observe only')) ? answer : undefined
    })
    t.equal(observed.status, 201)
    t.notMatch(JSON.stringify(observed.body), /secco\.dev\/assigned|RuntimeDefault/)
    const done = await until('an enabled namespace to be seen', async () => {
      const answer = await create('live')
      return JSON.stringify(answer.body).includes('secco.dev/assigned') ? answer : undefined
    })
    t.match(JSON.stringify(done.body), /RuntimeDefault/)
  })

  await t.test('a pod is learned', async (t) => {
    const labels = { 'secco.dev/learn': 'true' }
    await kube.do(
      'POST',
      '/api/v1/namespaces/live/pods',
      testPod({ name: 'web', labels }, [testContainer('app')])
    )
    await untilPod(cluster, 'live', 'web')
    const wide = await until(
      'a profile to grow',
      async () => {
        const { stdout } = await kubectl(['-n', 'live', 'get', 'seccompprofiles', '-o', 'wide'])
        return /\s0\/[1-9]\d*\s.*NotApproved/.test(stdout) ? stdout : undefined
      },
      { timeoutMs: 120_000, everyMs: 500 }
    ).catch(async (error: unknown) => {
      t.comment(await told())
      throw error
    })
    t.match(wide, /NotApproved/)
    t.comment(wide)
  })

  const asMeasured = measuring === undefined ? false : 'profiles are being made from this run'
  await t.test('our pods run under profiles of our own', { skip: asMeasured }, async (t) => {
    t.strictSame(await confinementOfOwnPods(cluster), [
      confinedBy('satellite', 'satellite'),
      confinedBy('secco', 'webhook'),
      confinedBy('secco', 'webhook')
    ])
  })

  await t.test('they look at their node, end and come again', async (t) => {
    const looked = await kubectl([
      ...['-n', namespace, 'exec', 'ds/secco-satellite', '--'],
      ...['secco', 'doctor', '--node']
    ])
    // With the pod's rights, in the pod: what it says is what the satellite there does.
    t.equal(looked.code, 0, `${looked.stdout}${looked.stderr}`)
    t.match(looked.stdout, /^✓ self-test +counted 1000 of 1000 marker calls$/m)
    for (const name of ['record', 'record-arguments', 'denials']) {
      t.match(looked.stdout, new RegExp(`^✓ ${name} `, 'm'))
    }
    t.match(looked.stdout, /learning: possible {3}enforcing: possible\n$/)
    for (const container of ['secco', 'satellite']) {
      const label = container === 'secco' ? 'role-central' : 'role-satellite'
      const [pod] = await listPods(cluster, namespace, `secco.dev/${label}`)
      if (pod === undefined) throw new Error(`no pod of ${container}`)
      process.kill(await cluster.node().pidOf(containerIdOf(pod, container)), 'SIGKILL')
      const again = await untilPod(
        cluster,
        namespace,
        pod.metadata.name,
        (one) => isReady(one) && one.status.containerStatuses?.[0]?.restartCount === 1
      )
      const before = again.status.initContainerStatuses?.map(({ restartCount }) => restartCount)
      t.strictSame(
        before,
        measuring === undefined ? [0] : undefined,
        'what wrote the file ran once'
      )
    }
    if (measuring !== undefined) return
    t.strictSame(await confinementOfOwnPods(cluster), [
      confinedBy('satellite', 'satellite'),
      confinedBy('secco', 'webhook'),
      confinedBy('secco', 'webhook')
    ])
  })

  const learnedName = async (): Promise<string> => {
    const profiles = '/apis/secco.dev/v1alpha1/namespaces/live/seccompprofiles'
    const { items } = (await kube.do('GET', profiles)) as {
      items: { metadata: { name: string } }[]
    }
    return items[0]?.metadata.name ?? ''
  }

  await t.test('pods that wait for a node that joins start under their profile', async (t) => {
    const name = await learnedName()
    const secco = (...args: string[]) =>
      runSecco([...args, '-n', 'live', '--kubeconfig', cluster.kubeconfig])
    const approved = await secco('profile', 'approve', name, '--reason', 'a test')
    t.equal(approved.code, 0, approved.stderr)
    const ready = ['wait', '--for=condition=Ready', '--timeout=60s', `seccompprofile/${name}`]
    t.equal((await kubectl(['-n', 'live', ...ready])).code, 0)
    const labels = { 'secco.dev/profile': name, wave: 'join' }
    const nodeSelector = { 'kubernetes.io/hostname': 'node-2' }
    for (let number = 1; number <= 20; number += 1) {
      const pod = testPod({ name: `join-${number}`, labels }, [testContainer('app')], {
        nodeSelector
      })
      const made = (await kube.do('POST', '/api/v1/namespaces/live/pods', pod)) as unknown as Pod
      t.match(seccompOf(made), { type: 'Localhost' })
    }
    await cluster.addNode({ name: 'node-2' })
    for (let number = 1; number <= 20; number += 1) {
      await untilPod(cluster, 'live', `join-${number}`)
    }
    const { stdout } = await kubectl(['-n', 'live', 'get', 'events', '-o', 'json'])
    const events = JSON.parse(stdout) as { items: { reason: string; message: string }[] }
    const failed = events.items
      .filter(({ reason }) => /^Failed/.test(reason))
      .map(({ reason, message }) => `${reason}: ${message}`)
    // The kubelet of a busy node reads the token's volume a moment late and tries again: no container was tried by then.
    const isOfOthers = /^FailedScheduling: |^FailedMount: .*"kube-api-access-/
    t.strictSame(
      failed.filter((one) => !isOfOthers.test(one)),
      [],
      'no CreateContainerError'
    )
    t.match(
      failed.join('\n'),
      /0\/2 nodes are available[^]*untolerated taint/,
      'the node had the taint'
    )
    const deleted = ['delete', 'pods', '-l', 'wave=join', '--wait=true']
    t.equal((await kubectl(['-n', 'live', ...deleted])).code, 0)
  })

  await t.test('files that no pod uses are removed; one that a pod uses stays', async (t) => {
    const daemonSet = ['-n', namespace, 'daemonset/secco-satellite']
    const more = { op: 'add', path: '/spec/template/spec/containers/0/args/-' }
    const patch = JSON.stringify([{ ...more, value: '--keep-unused=2s' }])
    t.equal((await kubectl(['patch', ...daemonSet, '--type', 'json', '-p', patch])).code, 0)
    const rolled = await kubectl(['rollout', 'status', ...daemonSet, '--timeout=120s'])
    t.equal(rolled.code, 0, rolled.stderr)
    await checkUnusedFiles(t, { cluster, kubectl, namespace: 'live', name: await learnedName() })
  })

  await t.test('uninstall: recorders detached, nothing left', async (t) => {
    const began = Date.now()
    const done = await runSecco([
      ...['uninstall', '--all', '--kubeconfig', cluster.kubeconfig, '--timeout', '90']
    ])
    t.equal(done.code, 0, done.stderr)
    t.match(done.stderr, /recorders detached on 2 of 2 nodes/)
    t.comment(`${((Date.now() - began) / 1000).toFixed(1)} s: ${done.stderr}`)
    const left = await kubectl(['get', 'pods,daemonsets,deployments', '-A', '-o', 'name'])
    t.notMatch(left.stdout, /secco/)
    t.equal((await kube.call('GET', `/api/v1/namespaces/${namespace}`)).status, 404)
  })

  await t.test('nothing was denied to our pods', async (t) => {
    const { satellite, webhook } = await own.seen()
    t.strictSame([...satellite.denied, ...webhook.denied], [])
    t.comment(`tried out: ${[...satellite.tried, ...webhook.tried].join(' ')}`)
    t.equal(webhook.containers, 3, 'one of two was ended once')
    t.ok(satellite.containers >= 3, 'the satellite too, and what cleans up may run more than once')
  })
})
