import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { t, type Test, test } from 'tap'
import { probeTracing } from '../../native/recorder.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import type { ContainerView } from '../../webhook/confinement/containers/container-view.js'
import { claims } from '../helpers/container-lies.js'
import { type Cri, startCri, type TestPod } from '../helpers/cri.js'
import { everything, patience } from '../helpers/truth-rig.js'
import { until } from '../helpers/until.js'

t.setTimeout(900_000)
const probe = probeTracing()
const skip = probe.available ? false : (probe.reason ?? 'nothing can be traced')

const [plain, hostile] = ['docker.io/library/plain:1', 'docker.io/library/hostile:1']
/** What the other team's container is called, and where it teaches. */
const victim = claims['nerdctl/name']
/** Every claim, without the marks of a sandbox, which would hide it in another way. */
const imageLabels = {
  ...claims,
  'io.cri-containerd.kind': 'container',
  'io.kubernetes.container.name': 'card',
  'io.kubernetes.cri.container-type': 'container',
  'secco.dev/profile': victim,
  'secco.dev/profile.app': victim
}

/** Starts a container of containerd's own command, and gives what removes it. */
async function ctrRun(
  { ctr, runcRoot }: Cri,
  image: string,
  id: string,
  call: string,
  labels: Record<string, string> = {}
): Promise<() => Promise<unknown>> {
  const given = Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`])
  const own = ['--detach', '--null-io', '--snapshotter', 'native', '--runc-root', runcRoot]
  await ctr('--namespace', 'default', 'run', ...own, ...given, image, id, '/probe', call, 'wait')
  return () => ctr('--namespace', 'default', 'task', 'rm', '--force', id)
}

async function openRig(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'si-'))
  const cri = await startCri(join(folder, 'c'))
  const config = { Entrypoint: ['/probe', 'wait'] }
  for (const namespace of ['k8s.io', 'default']) {
    await cri.addImage(plain, config, namespace)
    await cri.addImage(hostile, { ...config, Labels: imageLabels }, namespace)
  }
  const all = await everything({ beside: cri })
  const ends: (() => Promise<unknown>)[] = []
  t.teardown(async () => {
    for (const end of ends) await end()
    await all.dispose()
    await cri.stop()
    await rm(folder, { recursive: true, force: true })
  })
  return { all, cri, ends }
}

const observedIn = (profile: SeccompProfile): string[] =>
  Object.values(profile.status?.observed ?? {}).flat()

/**
 * Two layers hold, and the test shows both: runc's state, from which a new container has its name, has no labels of images; and
 * where containerd is asked, the labels that the image has are taken away (withoutImageLabels). In pods CRI's own record
 * counts. Without the second layer the last step fails: the container is called as the image says. What each of the marks
 * does alone is in test/satellite/containers/hostile-containers.test.ts and believed.test.ts.
 */
test('an image that imitates labels of runtimes teaches its own profile alone', {
  skip
}, async (t) => {
  const { all, cri, ends } = await openRig(t)
  // Containers of other tests may run beside this one.
  const named = [`default/${victim}`, 'default/evil', 'default/honest', 'shop/web.app']
  const profiles = async () => {
    const { items } = await all.json<{ items: SeccompProfile[] }>('get', 'profiles')
    const found = items.map(
      (one) => [`${one.metadata.namespace}/${one.metadata.name}`, one] as const
    )
    return new Map(found.filter(([name]) => named.includes(name)))
  }
  const teaches = (call: string) =>
    until(
      `a profile with ${call}`,
      async () => {
        const found = [...(await profiles())].filter(([, one]) => observedIn(one).includes(call))
        return found.length > 0 ? found.map(([name]) => name).sort() : undefined
      },
      patience
    )
  ends.push(await ctrRun(cri, plain, 'honest', 'getpgid', { 'nerdctl/name': victim }))
  t.same(await teaches('getpgid'), [`default/${victim}`], 'who starts a container names it')

  ends.push(await ctrRun(cri, hostile, 'evil', 'getsid'))
  t.same(await teaches('getsid'), ['default/evil'], 'an image does not')
  const pod: TestPod = { namespace: 'shop', name: 'web', uid: 'u-1' }
  const id = await cri.runContainer(await cri.runPod(pod), pod, 'app', hostile)
  const inPod = await until(
    'the container of the pod',
    async () => {
      const { items } = await all.api<{ items: ContainerView[] }>('containers')
      return items.find((one) => one.id === id && one.syscalls !== null)
    },
    patience
  )
  t.match(inPod, { name: 'app', pod: 'web', namespace: 'shop', learned: 'shop/web.app' })
  const learned = await profiles()
  t.same([...learned.keys()].sort(), [`default/${victim}`, 'default/evil', 'shop/web.app'].sort())
  const own = learned.get(`default/${victim}`)
  t.notOk(own && observedIn(own).includes('getsid'), 'the other team learned nothing of it')
  t.equal(own?.status?.instances?.length, 1, 'nor an instance')
  const evil = async () => {
    const { items } = await all.api<{ items: ContainerView[] }>('containers')
    return items.find((one) => one.id === 'evil')
  }
  const shown = { name: 'evil', pod: '', state: 'unconfined', learned: 'default/evil' }
  t.match(await evil(), shown, 'secco ps shows it')

  // Until now runc alone said who it is: nothing asks containerd about a container that runc's state describes. After a
  // restart containerd lists all of them, with the labels of their images.
  await all.halt()
  await all.restart()
  const listed = await until(
    'the answer of containerd, which knows its image',
    async () => {
      const found = await evil()
      return found?.image === hostile ? found : undefined
    },
    patience
  )
  t.match(listed, shown, 'nor does it become another one when containerd is asked')
})
