import { revisionPath } from '../../src/api/names.js'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { Json } from '../helpers/kube.js'
import type { kubectlOf } from '../helpers/kubectl.js'
import { seccompOf, testContainer, testPod, untilPod } from '../helpers/kubernetes/pods.js'
import type { RealCluster } from '../helpers/kubernetes/real-cluster.js'
import { runSecco } from '../helpers/secco-command.js'
import { until } from '../helpers/until.js'

interface Place {
  cluster: RealCluster
  kubectl: ReturnType<typeof kubectlOf>
  /** Namespace and name of an approved profile. */
  namespace: string
  name: string
}

const isReady = ({ status }: SeccompProfile): boolean =>
  status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true

/**
 * Checks which files of a profile's revisions stay on the first node, whose satellite keeps unused ones for a moment:
 * those of the newest two, and an older one as long as a pod uses it.
 */
export async function checkUnusedFiles(t: Test, place: Place): Promise<void> {
  const { cluster, kubectl, namespace, name } = place
  const profile = async () => {
    const shown = await kubectl(['-n', namespace, 'get', 'seccompprofile', name, '-o', 'json'])
    return JSON.parse(shown.stdout) as SeccompProfile
  }
  const file = (digest: string) =>
    join(cluster.node().seccompRoot, revisionPath(namespace, name, digest))
  const readyAfter = (before: string) =>
    until('another revision to be ready', async () => {
      const now = await profile()
      const digest = now.status?.revision ?? ''
      return digest !== before && isReady(now) ? digest : undefined
    })
  const secco = async (...args: string[]) => {
    const where = ['-n', namespace, '--kubeconfig', cluster.kubeconfig]
    const done = await runSecco(['profile', ...args, ...where, '--reason', 'a test'])
    t.equal(done.code, 0, done.stderr)
  }
  const start = async (pod: string) => {
    const made = testPod({ name: pod, labels: { 'secco.dev/profile': name } }, [
      testContainer('app')
    ])
    await cluster.kube.do('POST', `/api/v1/namespaces/${namespace}/pods`, {
      ...made,
      spec: { ...(made['spec'] as Json), nodeName: cluster.node().name }
    })
    return seccompOf(await untilPod(cluster, namespace, pod)) as { localhostProfile: string }
  }

  const used = await readyAfter('')
  t.match((await start('uses-it')).localhostProfile, revisionPath(namespace, name, used))
  const later: string[] = []
  for (const call of ['getsid', 'getpgid', 'getpriority']) {
    await secco('call', name, '--allow', call)
    await secco('approve', name)
    later.push(await readyAfter(later.at(-1) ?? used))
  }
  const [unused = '', previous = '', newest = ''] = later
  await until('the file that nobody uses to be removed', () =>
    existsSync(file(unused)) ? undefined : true
  )
  t.same(
    [used, previous, newest].filter((digest) => !existsSync(file(digest))),
    []
  )
  const deleted = await kubectl(['-n', namespace, 'delete', 'pod', 'uses-it', '--wait=true'])
  t.equal(deleted.code, 0, deleted.stderr)
  await until('the file of the deleted pod to be removed', () =>
    existsSync(file(used)) ? undefined : true
  )
  t.same(
    [previous, newest].filter((digest) => !existsSync(file(digest))),
    []
  )
  t.match((await start('uses-the-newest')).localhostProfile, revisionPath(namespace, name, newest))
}
