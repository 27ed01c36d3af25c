import { readFile, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { stringify } from 'yaml'
import { parseImage } from '../../src/rules/image.js'
import { findNodePrograms } from '../helpers/api-server-programs.js'
import type { Json } from '../helpers/kube.js'
import { containerIdOf, testContainer, testPod, untilPod } from '../helpers/kubernetes/pods.js'
import {
  type RealCluster,
  startRealCluster,
  whyNoNode
} from '../helpers/kubernetes/real-cluster.js'
import { type SeccoInUse, testDeployment, useSecco } from '../helpers/kubernetes/secco-in-use.js'
import { runSeccoOnHost } from '../helpers/kubernetes/secco-on-host.js'
import { testImage } from '../helpers/kubernetes/test-images.js'
import { until } from '../helpers/until.js'

const unable = whyNoNode()
const found = unable === undefined ? await findNodePrograms() : { skip: unable }
const skip = found.skip ?? false

const learn = { 'secco.dev/learn': 'true' }
const learning = (name: string): Json => ({ name, labels: { app: name, ...learn } })
const using = (profile: string): Record<string, string> => ({ 'secco.dev/profile': profile })

/** One of the published end-to-end scenarios of the security profiles operator, rebuilt with our means. */
interface Scenario {
  name: string
  /** What was seen, for the table. */
  run: (t: Test, use: SeccoInUse, cluster: RealCluster) => Promise<string>
}

const scenarios: readonly Scenario[] = [
  {
    name: 'record a bare pod',
    run: async (t, use) => {
      await use.create(
        'pods',
        testPod(learning('bare'), [testContainer('app', ['8080', 'getsid'])])
      )
      const names = await use.observed('bare.app', 'getsid', 'listen')
      t.match((await use.profile('bare.app'))?.spec.workload, { kind: 'Pod', name: 'bare' })
      return `profile bare.app, ${names.length} syscalls`
    }
  },
  {
    name: 'record a static pod',
    run: async (t, use, cluster) => {
      const node = cluster.node()
      const metadata = { ...learning('static'), namespace: use.namespace }
      const file = join(node.staticPods, 'static.yaml')
      await writeFile(
        file,
        stringify(testPod(metadata, [testContainer('app', ['8080', 'getsid'])]))
      )
      try {
        const pod = await untilPod(cluster, use.namespace, `static-${node.name}`)
        const names = await use.observed(`static-${node.name}.app`, 'getsid', 'listen')
        t.equal(pod.spec.securityContext?.seccompProfile, undefined, 'a mirror pod is not patched')
        return `profile static-${node.name}.app, ${names.length} syscalls; not patched (mirror pod)`
      } finally {
        await rm(file)
      }
    }
  },
  {
    name: 'init and two containers',
    run: async (t, use) => {
      const pod = testPod(
        learning('multi'),
        [testContainer('one', ['8080', 'getsid']), testContainer('two', ['8081', 'getpriority'])],
        { initContainers: [testContainer('setup', ['once', 'getpgid'])] }
      )
      await use.create('pods', pod)
      const markers = { setup: 'getpgid', one: 'getsid', two: 'getpriority' }
      const sizes = []
      for (const [container, marker] of Object.entries(markers)) {
        const names = await use.observed(`multi.${container}`, marker)
        const others = Object.values(markers).filter((one) => one !== marker)
        t.notOk(
          names.some((one) => others.includes(one)),
          `${container}: only its own`
        )
        sizes.push(`${container} ${names.length}`)
      }
      return `three profiles: ${sizes.join(', ')} syscalls, none mixed`
    }
  },
  {
    name: 'a Deployment of two',
    run: async (t, use) => {
      await use.create('deployments', testDeployment('web', learn, 2))
      const [first, second] = await use.ready('app=web', 2)
      if (first === undefined || second === undefined) return ''
      await use.ask(first, '/call/getsid')
      await use.ask(second, '/call/getpriority')
      await use.observed('web.app', 'getsid', 'getpriority')
      t.same(
        (await use.profiles()).map(({ metadata }) => metadata.name),
        ['web.app']
      )
      return 'one profile, the union of both'
    }
  },
  {
    name: 'two pods at once',
    run: async (t, use) => {
      const pods = [
        testPod(learning('left'), [testContainer('app', ['8080', 'getsid'])]),
        testPod(learning('right'), [testContainer('app', ['8080', 'getpriority'])])
      ]
      await Promise.all(pods.map((pod) => use.create('pods', pod)))
      const left = await use.observed('left.app', 'getsid')
      const right = await use.observed('right.app', 'getpriority')
      t.notOk(left.includes('getpriority'))
      t.notOk(right.includes('getsid'))
      return 'two profiles, none mixed'
    }
  },
  {
    name: 'one chosen container',
    run: async (t, use, cluster) => {
      const podSelector = { matchLabels: { app: 'chosen' } }
      const spec = { podSelector, containers: ['one'], mode: 'learn', profile: { name: 'picked' } }
      const rule = {
        apiVersion: 'secco.dev/v1alpha1',
        kind: 'SeccompRule',
        metadata: { name: 'pick' },
        spec
      }
      await use.create('seccomprules', rule)
      const pod = testPod({ name: 'chosen', labels: { app: 'chosen' } }, [
        testContainer('one', ['8080', 'getsid']),
        testContainer('two', ['8081', 'getpriority'])
      ])
      const made = await until('the rule to be in force', async () => {
        const path = `/api/v1/namespaces/${use.namespace}/pods?dryRun=All`
        const answer = await cluster.kube.call('POST', path, pod)
        return JSON.stringify(answer.body).includes('secco.dev/assigned') ? true : undefined
      })
      t.ok(made)
      await use.create('pods', pod)
      const [chosen] = await use.ready('app=chosen', 1)
      const assigned = chosen?.metadata.annotations?.['secco.dev/assigned'] ?? '{}'
      t.same(Object.keys(JSON.parse(assigned) as object), ['one'], 'only this one is assigned')
      return 'only container one is assigned; the other is left as its author wrote it'
    }
  },
  {
    name: 'scale to five',
    run: async (t, use) => {
      await use.create('deployments', testDeployment('web', learn))
      await use.ready('app=web', 1)
      await use.observed('web.app', 'listen')
      const path = `/apis/apps/v1/namespaces/${use.namespace}/deployments/web`
      await use.patch(path, { spec: { replicas: 5 } })
      const pods = await use.ready('app=web', 5)
      const last = pods.at(-1)
      if (last !== undefined) await use.ask(last, '/call/getsid')
      await use.observed('web.app', 'getsid')
      const instances = await until('five instances', async () => {
        const all = (await use.profile('web.app'))?.status?.instances ?? []
        return all.length === 5 ? all : undefined
      })
      t.ok(
        instances.every(({ complete }) => complete),
        'each from its first instruction'
      )
      return 'one profile of five instances'
    }
  },
  {
    name: 'merge with an extra mknod in one replica',
    run: async (t, use) => {
      await use.create('deployments', testDeployment('web', learn, 3))
      const [first] = await use.ready('app=web', 3)
      if (first === undefined) return ''
      t.equal(await use.ask(first, '/call/mknod'), 'mknod ok\n')
      await use.observed('web.app', 'mknod')
      await use.approve('web.app')
      const labels = { 'secco.dev/learn': null, ...using('web.app') }
      const path = `/apis/apps/v1/namespaces/${use.namespace}/deployments/web`
      await use.patch(path, { spec: { template: { metadata: { labels } } } })
      const pods = await use.ready('secco.dev/profile=web.app', 3)
      const answers = await Promise.all(pods.map((pod) => use.ask(pod, '/call/mknod')))
      t.same(answers, ['mknod ok\n', 'mknod ok\n', 'mknod ok\n'], 'every replica may, afterwards')
      return 'observed once, allowed in all three'
    }
  },
  {
    name: 'bind by label',
    run: async (t, use) => {
      await use.create('pods', testPod(learning('teacher'), [testContainer('app')]))
      const [teacher] = await use.ready('app=teacher', 1)
      if (teacher !== undefined) await use.ask(teacher, '/')
      await use.observed('teacher.app', 'listen', 'shutdown')
      const path = await use.approve('teacher.app')
      const pod = testPod({ name: 'pupil', labels: { app: 'pupil', ...using('teacher.app') } }, [
        testContainer('app')
      ])
      await use.create('pods', pod)
      const [pupil] = await use.ready('app=pupil', 1)
      t.equal(pupil?.spec.containers[0]?.securityContext?.seccompProfile?.localhostProfile, path)
      return 'by the ready-made label, without a rule'
    }
  },
  {
    name: 'bind by image',
    run: async (t, use, cluster) => {
      await use.create('pods', testPod(learning('painter'), [testContainer('app')]))
      const [painter] = await use.ready('app=painter', 1)
      if (painter !== undefined) await use.ask(painter, '/')
      await use.observed('painter.app', 'listen', 'shutdown')
      const path = await use.approve('painter.app')
      await use.create('seccomprules', {
        apiVersion: 'secco.dev/v1alpha1',
        kind: 'SeccompRule',
        metadata: { name: 'by-image' },
        spec: {
          images: [parseImage(testImage).repository],
          profile: { name: 'painter.app' },
          mode: 'enforce'
        }
      })
      const copy = (image: string): Json =>
        testPod({ name: 'copy', labels: { app: 'copy' } }, [
          testContainer('app', undefined, { image })
        ])
      const dry = `/api/v1/namespaces/${use.namespace}/pods?dryRun=All`
      await until('the rule to be in force', async () => {
        const answer = await cluster.kube.call('POST', dry, copy(testImage))
        return JSON.stringify(answer.body).includes(path) ? true : undefined
      })
      const other = await cluster.kube.call('POST', dry, copy('registry.example.com/other:1'))
      t.notMatch(JSON.stringify(other.body), /localhostProfile/, 'another image gets nothing')
      await use.create('pods', copy(testImage))
      const [pod] = await use.ready('app=copy', 1)
      t.equal(pod?.spec.containers[0]?.securityContext?.seccompProfile?.localhostProfile, path)
      return `images: [${parseImage(testImage).repository}], no label on the pod`
    }
  },
  {
    name: 'delete while in use',
    run: async (t, use, cluster) => {
      await use.create('pods', testPod(learning('first'), [testContainer('app')]))
      const [first] = await use.ready('app=first', 1)
      if (first !== undefined) await use.ask(first, '/')
      await use.observed('first.app', 'listen', 'shutdown')
      const path = await use.approve('first.app')
      const user = (name: string): Json =>
        testPod({ name, labels: { app: name, ...using('first.app') } }, [testContainer('app')])
      await use.create('pods', user('second'))
      const [second] = await use.ready('app=second', 1)
      if (second === undefined) return ''
      await cluster.kubectl(
        'delete',
        'seccompprofile',
        'first.app',
        '-n',
        use.namespace,
        '--timeout=10s'
      )
      t.equal(await use.ask(second, '/'), 'ok\n', 'the running pod goes on')
      await until('the decision to follow', async () => {
        const dry = `/api/v1/namespaces/${use.namespace}/pods?dryRun=All`
        const answer = await cluster.kube.call('POST', dry, user('third'))
        return JSON.stringify(answer.body).includes('localhostProfile') ? undefined : true
      })
      t.ok(
        existsSync(join(cluster.node().seccompRoot, path)),
        'its file stays: the pod may restart'
      )
      await cluster.node().ctr('task', 'kill', '-s', 'KILL', containerIdOf(second, 'app'))
      const again = await untilPod(
        cluster,
        use.namespace,
        'second',
        ({ status }) =>
          status.containerStatuses?.[0]?.restartCount === 1 && status.containerStatuses[0].ready
      )
      t.equal(await use.ask(again, '/'), 'ok\n', 'and it does restart')
      return 'deleted at once; the pod serves and restarts on its file; new pods get RuntimeDefault'
    }
  },
  {
    name: 'base profile merge',
    run: async (t, use, cluster) => {
      const own = (name: string, spec: object): Json => ({
        apiVersion: 'secco.dev/v1alpha1',
        kind: 'SeccompProfile',
        metadata: { name, namespace: use.namespace },
        spec
      })
      await use.create('pods', testPod(learning('small'), [testContainer('app')]))
      const [small] = await use.ready('app=small', 1)
      if (small !== undefined) await use.ask(small, '/')
      await use.observed('small.app', 'listen', 'shutdown')
      const extra = {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names: ['mknod'], action: 'SCMP_ACT_ALLOW' }]
      }
      await use.create('seccompprofiles', own('devices', { seccomp: extra }))
      const at = `/apis/secco.dev/v1alpha1/namespaces/${use.namespace}/seccompprofiles/small.app`
      await use.patch(at, { spec: { extends: ['devices'] } })
      const path = await use.approve('small.app')
      const text = await readFile(join(cluster.node().seccompRoot, path), 'utf8')
      t.match(text, /"mknod"/)
      const pod = testPod({ name: 'user', labels: { app: 'user', ...using('small.app') } }, [
        testContainer('app')
      ])
      await use.create('pods', pod)
      const [user] = await use.ready('app=user', 1)
      if (user === undefined) return ''
      t.equal(await use.ask(user, '/call/mknod'), 'mknod ok\n', 'from the base')
      t.equal(await use.ask(user, '/call/chroot'), 'chroot denied errno 1\n', 'from neither')
      return 'extends: [devices] is in the revision and in force'
    }
  },
  {
    name: 'a name of more than 64 characters',
    run: async (t, use, cluster) => {
      const name = `${'long-'.repeat(20)}name`
      await use.create(
        'pods',
        testPod({ name, labels: { app: 'long', ...learn } }, [testContainer('app')])
      )
      const [pod] = await use.ready('app=long', 1)
      if (pod !== undefined) await use.ask(pod, '/')
      await use.observed(`${name}.app`, 'listen', 'shutdown')
      const path = await use.approve(`${name}.app`)
      // A label's value has at most 63 characters: a rule names it.
      const podSelector = { matchLabels: { app: 'short' } }
      const spec = { podSelector, profile: { name: `${name}.app` }, mode: 'enforce' }
      const rule = {
        apiVersion: 'secco.dev/v1alpha1',
        kind: 'SeccompRule',
        metadata: { name: 'long' },
        spec
      }
      await use.create('seccomprules', rule)
      const user = testPod({ name: 'short', labels: { app: 'short' } }, [testContainer('app')])
      await until('the rule to be in force', async () => {
        const dry = `/api/v1/namespaces/${use.namespace}/pods?dryRun=All`
        const answer = await cluster.kube.call('POST', dry, user)
        return JSON.stringify(answer.body).includes(path) ? true : undefined
      })
      await use.create('pods', user)
      const [short] = await use.ready('app=short', 1)
      t.equal(short?.spec.containers[0]?.securityContext?.seccompProfile?.localhostProfile, path)
      return `${name.length + 4} characters: recorded, delivered, enforced`
    }
  }
]

test("the operator's published scenarios", { skip, timeout: 1_500_000 }, async (t) => {
  if (found.programs === undefined) return
  const cluster = await startRealCluster({
    programs: found.programs,
    say: (line) => t.comment(line)
  })
  t.teardown(() => cluster.stop())
  const secco = await runSeccoOnHost(cluster)
  t.teardown(() => secco.stop())
  const seen: string[] = []
  for (const [at, { name, run }] of scenarios.entries()) {
    await t.test(name, async (t) => {
      const namespace = `scenario-${at + 1}`
      const use = await useSecco(cluster, namespace, secco.state)
      const started = Date.now()
      const ours = await run(t, use, cluster)
      seen.push(`${name.padEnd(42)} | ${ours} (${((Date.now() - started) / 1000).toFixed(1)} s)`)
      await cluster.kube.do('DELETE', `/api/v1/namespaces/${namespace}`)
    })
  }
  t.comment(['scenario | ours', ...seen].join('\n'))
  t.equal(seen.length, scenarios.length)
})
