import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { type Test, test } from 'tap'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { findNodePrograms } from '../helpers/api-server-programs.js'
import { type Kubectl, kubectlOf } from '../helpers/kubectl.js'
import { administratorToken } from '../helpers/kubernetes/administrator-token.js'
import { saidByInstallation, untilInstalled } from '../helpers/kubernetes/apply-install.js'
import {
  askPod,
  isReady,
  type Pod,
  seccompOf,
  testContainer,
  testPod,
  untilPod
} from '../helpers/kubernetes/pods.js'
import {
  type RealCluster,
  startRealCluster,
  whyNoNode
} from '../helpers/kubernetes/real-cluster.js'
import { seccoImageArchive } from '../helpers/kubernetes/test-images.js'
import { repositoryRoot } from '../helpers/repository.js'
import { until } from '../helpers/until.js'

const run = promisify(execFile)
const git = (...args: string[]) =>
  run('git', ['-C', repositoryRoot, ...args]).then(({ stdout }) => stdout.trim())

/** The commit or tag of the earlier version: SECCO_UPGRADE_FROM, else the newest tag before this commit. */
const from =
  process.env['SECCO_UPGRADE_FROM'] ??
  (await git('describe', '--tags', '--abbrev=0', 'HEAD^').catch(() => undefined))
const unable =
  whyNoNode() ??
  (from === undefined
    ? 'no earlier release has a tag in this clone: name a commit with SECCO_UPGRADE_FROM'
    : undefined)
const found = unable === undefined ? await findNodePrograms() : { skip: unable }

const namespace = 'shop'

/** Version is a build of Secco: its command, and its image by the name that the node's containerd knows. */
interface Version {
  image: string
  secco: (...args: string[]) => Promise<string>
}

type Profile = SeccompProfile & { metadata: { name: string } }

/** Journey is the cluster, and what is asked of it between two versions. */
class Journey {
  readonly #cluster: RealCluster
  readonly #kubectl: Kubectl

  constructor(cluster: RealCluster, kubectl: Kubectl) {
    this.#cluster = cluster
    this.#kubectl = kubectl
  }

  /** Installs a version as its own command prints it, and waits until nothing of another one runs. */
  async install({ secco, image }: Version): Promise<void> {
    const printed = await secco('install', '--mode', 'enforce', '--small', '--image', image)
    const applied = await this.#kubectl(['apply', '-f', '-'], printed)
    if (applied.code !== 0) throw new Error(applied.stderr)
    for (const one of ['deployment/secco', 'daemonset/secco-satellite']) {
      const rolled = ['rollout', 'status', '-n', 'secco-system', one, '--timeout=180s']
      const { code, stderr } = await this.#kubectl(rolled)
      if (code !== 0) throw new Error(`${stderr}\n${await saidByInstallation(this.#kubectl)}`)
    }
    await untilInstalled(this.#cluster.kube, this.#kubectl)
  }

  /** Returns the profile that a pod is learned into. */
  async profile(pod = 'web'): Promise<Profile> {
    const path = `/apis/secco.dev/v1alpha1/namespaces/${namespace}/seccompprofiles`
    const { items } = (await this.#cluster.kube.do('GET', path)) as unknown as { items: Profile[] }
    const found = items.filter(({ spec }) => spec.workload?.name === pod)
    const [first] = found
    if (first === undefined || found.length > 1) throw new Error(`${found.length} profiles`)
    return first
  }

  async untilProfile(
    what: string,
    isSo: (profile: SeccompProfile) => boolean,
    pod = 'web'
  ): Promise<string> {
    const name = await until(
      what,
      async () => {
        const profile = await this.profile(pod).catch(() => undefined)
        return profile !== undefined && isSo(profile) ? profile.metadata.name : undefined
      },
      { timeoutMs: 120_000, everyMs: 500 }
    )
    return name
  }

  /** Creates a pod and waits until it runs; an admission that nobody answered yet is tried again. */
  async start(name: string, labels: Record<string, string>): Promise<Pod> {
    const path = `/api/v1/namespaces/${namespace}/pods`
    const assigned = 'secco.dev/assigned'
    await until(`pod ${name} to be admitted by Secco`, async () => {
      const pod = testPod({ name, labels }, [testContainer('app')])
      const dry = (await this.#cluster.kube.do('POST', `${path}?dryRun=All`, pod)) as unknown as Pod
      if (dry.metadata.annotations?.[assigned] === undefined) return undefined
      await this.#cluster.kube.do('POST', path, pod)
      return true
    })
    return untilPod(this.#cluster, namespace, name)
  }

  async pod(name: string): Promise<Pod> {
    return untilPod(this.#cluster, namespace, name, isReady)
  }

  async ask(name: string, path: string): Promise<string> {
    return askPod(await this.pod(name), path)
  }
}

const observedOf = ({ status }: SeccompProfile): string[] =>
  Object.values(status?.observed ?? {}).flat()
const isDelivered = ({ status }: SeccompProfile): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true

interface Denials {
  items: { syscall: string; count: number; pod: string }[]
}

/** Returns how often keyctl was denied in a pod, as a version says it. */
async function denialsIn({ secco }: Version, pod: string): Promise<number> {
  const { items } = JSON.parse(await secco('denials', '-n', namespace, '-o', 'json')) as Denials
  const own = items.filter((one) => one.pod === pod && one.syscall === 'keyctl')
  return own.reduce((sum, one) => sum + one.count, 0)
}

/** Waits until a version says that keyctl was denied so often in a pod. */
async function deniedBy(version: Version, pod: string, count: number): Promise<void> {
  const isSo = async () => {
    const said = await denialsIn(version, pod)
    if (said !== count) throw new Error(`${said} denials`)
    return true
  }
  await until(`${count} denials of keyctl in ${pod}`, isSo, { timeoutMs: 90_000, everyMs: 1000 })
}

/** Makes the earlier version from its commit: its command, and its image. */
async function buildEarlier(folder: string): Promise<{ root: string; archive: string }> {
  const root = join(folder, 'earlier')
  const archive = join(folder, 'earlier.tar')
  await mkdir(root)
  await git('archive', '--format=tar', `--output=${archive}`, from ?? '')
  await run('tar', ['-xf', archive, '-C', root])
  await rm(archive)
  const image = ['--name', 'docker.io/library/secco:earlier']
  const env = { ...process.env, NODE_OPTIONS: '' }
  await run('npm', ['run', 'image', '--', archive, ...image], {
    ...{ cwd: root, env, maxBuffer: 2 ** 26, timeout: 1_200_000 }
  })
  return { root, archive }
}

/** What one version learned and a person decided is there under the next one. */
async function compare(t: Test, journey: Journey, before: SeccompProfile): Promise<void> {
  await journey.untilProfile('the profile to be delivered', isDelivered)
  const now = await journey.profile()
  t.strictSame(now.spec, before.spec, 'what people decided')
  const observed = new Set(observedOf(now))
  t.strictSame(
    observedOf(before).filter((name) => !observed.has(name)),
    [],
    'no observation is lost'
  )
  // A version may render the same spec otherwise; the pods that run keep the revision that they have.
  t.match(now.status?.revision, /^sha256:/)
}

test('from an earlier version to this one, back, and here again', {
  skip: found.skip ?? false,
  timeout: 2_400_000
}, async (t) => {
  if (found.programs?.kubectl === undefined) return
  t.setTimeout(2_400_000)
  const folder = await mkdtemp(join(tmpdir(), 'secco-upgrade-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const { root, archive } = await buildEarlier(folder)
  const image = 'docker.io/library/secco:current'
  const cluster = await startRealCluster({
    programs: found.programs,
    images: [archive, await seccoImageArchive(folder, image)]
  })
  t.teardown(() => cluster.stop())
  const token = await administratorToken(cluster)
  const version = (of: string, name: string): Version => ({
    image: name,
    secco: async (...args) => {
      const words = [join(of, 'bin/secco'), '--kubeconfig', cluster.kubeconfig, ...args]
      const env = { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', SECCO_TOKEN: token }
      return (await run(process.execPath, words, { env, maxBuffer: 2 ** 26 })).stdout
    }
  })
  const earlier = version(root, 'docker.io/library/secco:earlier')
  const current = version(repositoryRoot, image)
  const journey = new Journey(cluster, kubectlOf(found.programs.kubectl, cluster.kubeconfig))
  await cluster.kube.do('POST', '/api/v1/namespaces', { metadata: { name: namespace } })

  let before!: SeccompProfile
  let labels: Record<string, string> = {}
  let containers: unknown
  const containersOf = async () => (await journey.pod('kept')).status.containerStatuses
  const attack = async (by: Version, known: number): Promise<void> => {
    t.match(await journey.ask('kept', '/attack'), /keyctl denied errno 1/)
    await deniedBy(by, 'kept', known + 1)
  }

  await t.test('the earlier version learns, a person approves, a call is denied', async (t) => {
    await journey.install(earlier)
    await journey.start('web', { 'secco.dev/learn': 'true' })
    t.equal(await journey.ask('web', '/call/getsid'), 'getsid ok\n')
    const name = await journey.untilProfile('getsid to be learned', (profile) =>
      observedOf(profile).includes('getsid')
    )
    const where = ['-n', namespace, '--reason', 'a test']
    await earlier.secco('profile', 'approve', name, ...where)
    await journey.untilProfile('the profile to be delivered', isDelivered)
    labels = { 'secco.dev/profile': name }
    t.match(seccompOf(await journey.start('kept', labels)), { type: 'Localhost' })
    await attack(earlier, 0)
    before = await journey.profile()
    containers = await containersOf()
  })

  let nth = 0
  /** Installs a version over the other one: nothing is lost, nothing restarts, and new pods start. */
  const goOn = async (t: Test, by: Version, denials?: number): Promise<void> => {
    await journey.install(by)
    await compare(t, journey, before)
    t.strictSame(await containersOf(), containers, 'the pod runs on')
    if (denials !== undefined) await deniedBy(by, 'kept', denials)
    const started = await journey.start(`started-${(nth += 1)}`, labels)
    t.match(seccompOf(started), { type: 'Localhost' })
  }

  await t.test('this version: nothing is lost, nothing restarts, it goes on', async (t) => {
    await goOn(t, current, 1)
    await attack(current, 1)
    await journey.start('more', { 'secco.dev/learn': 'true' })
    t.equal(await journey.ask('more', '/call/getpriority'), 'getpriority ok\n')
    const isLearned = (profile: SeccompProfile) => observedOf(profile).includes('getpriority')
    await journey.untilProfile('getpriority to be learned', isLearned, 'more')
    const name = labels['secco.dev/profile'] ?? ''
    const history = await current.secco('history', name, '-n', namespace)
    t.match(history, /approv/, 'what a person did under the earlier version')
    before = await journey.profile()
  })

  await t.test('back: the earlier version goes on where this one stopped', async (t) => {
    // What an earlier version says of denials cannot be corrected here: the next step counts them.
    await goOn(t, earlier)
    before = await journey.profile()
  })

  await t.test('and here again', async (t) => {
    await goOn(t, current, 2)
    await attack(current, 2)
  })
})
