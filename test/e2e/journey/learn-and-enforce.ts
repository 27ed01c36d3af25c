import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { ContainerView } from '../../../webhook/confinement/containers/container-view.js'
import { until } from '../../helpers/until.js'
import {
  askAll,
  containers,
  patience,
  profilesOf,
  roll,
  rolledOut,
  runJob,
  running,
  type Way
} from './way.js'

async function profile({ cluster, namespace }: Way, name: string): Promise<SeccompProfile> {
  const path = `/apis/secco.dev/v1alpha1/namespaces/${namespace}/seccompprofiles/${name}`
  return (await cluster.kube.do('GET', path)) as unknown as SeccompProfile
}

/** Waits until a profile has observed these calls. */
function observed(way: Way, name: string, calls: readonly string[]): Promise<true> {
  return until(
    `${name} to have observed ${calls.join(', ')}`,
    async (note) => {
      const found = Object.values((await profile(way, name)).status?.observed ?? {}).flat()
      note(found.join(' '))
      return calls.every((one) => found.includes(one)) || undefined
    },
    patience
  )
}

/** Learns every container from its start to its stop. */
export async function learn(way: Way): Promise<void> {
  const { t, person, namespace, workloads } = way
  const items = workloads.map(({ object }) => object)
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
  await person.type(`kubectl apply -n ${namespace} -f -`, list)
  await rolledOut(way)
  await runJob(way)
  // Nobody has asked the sidecar anything: its first accept has not returned.
  await observed(way, 'web.mesh', ['accept'])
  await askAll(way, '/', 'ok\n')
  await roll(way)
  await askAll(way, '/', 'ok\n')
  for (const { name, calls } of workloads) {
    for (const [container, each] of Object.entries(calls)) {
      await observed(way, `${name}.${container}`, each)
    }
  }
  const listed = await person.type(`secco get profiles -n ${namespace}`)
  for (const name of profilesOf(way)) t.match(listed.stdout, new RegExp(`${name} +False`))
  await person.type(`secco get workloads -n ${namespace}`)
  await person.type(`secco profile show ${namespace}/web.app`)
}

/** Verbs about a thing that does not exist, and one without what it needs: each leads on, within the person's rights. */
export async function mistakes({ person, namespace }: Way): Promise<void> {
  const nobody = `${namespace}/nobody`
  const table: [string, RegExp][] = [
    [`secco profile show ${nobody}`, /nobody does not exist/],
    [`secco promote ${nobody} audit --reason 'a try'`, /nobody does not exist/],
    [`secco denials allow ${nobody} getsid`, /nobody does not exist/],
    [`secco explain ${nobody}`, /no running container/],
    [`secco promote ${namespace}/web.app audit`, /--reason/]
  ]
  const done = new Set<string>()
  for (const [command, words] of table) await person.mistype(command, words, done)
}

/** Approves every profile with one command, and sets the mode of every workload. */
export async function approve(way: Way): Promise<void> {
  const { t, person, namespace } = way
  const names = profilesOf(way)
  await person.type(`secco profile approve ${names.join(' ')} -n ${namespace} --reason 'release 1'`)
  await person.type(
    `kubectl wait -n ${namespace} --for=condition=Ready --timeout=120s seccompprofiles --all`
  )
  const listed = await person.type(`secco get profiles -n ${namespace}`)
  for (const name of names) t.match(listed.stdout, new RegExp(`${name} +True +1/1`))
  for (const name of names) {
    const tried = await person.type(`secco promote ${namespace}/${name} enforce --dry-run`)
    t.match(tried.stdout, /the step would be: promote: .* → enforce/, 'a dry run needs no reason')
    const { stdout } = await person.type(
      `secco promote ${namespace}/${name} enforce --reason 'release 1'`
    )
    // A job has ended: it has no container.
    t.match(stdout, /in force: (0 of \d+ running containers? \(enforce\)|no container of it runs)/)
    t.notMatch(stdout, /not given to new pods/)
  }
  await until(
    'every running container to be older than its mode',
    async (note) => {
      const { stdout } = await person.run(`secco ps --wrong -n ${namespace} -o json`)
      const { items } = JSON.parse(stdout) as { items: ContainerView[] }
      note(items.map(({ pod, name }) => `${pod}/${name}`))
      return items.length === running(way) || undefined
    },
    patience
  )
}

/** Rolls every workload; each container that runs then is enforced, and nothing that it needs is denied. */
export async function enforce(way: Way): Promise<void> {
  const { t, person, namespace } = way
  await roll(way)
  await runJob(way)
  const count = running(way)
  await until(
    `${count} containers to be enforced`,
    async (note) => {
      const all = await containers(way)
      note(all.map(({ pod, name, state }) => `${pod}/${name} ${state}`))
      return (all.length === count && all.every(({ state }) => state === 'enforced')) || undefined
    },
    patience
  )
  await askAll(way, '/', 'ok\n')
  // Each hook before a stop runs under its profile now.
  await roll(way)
  await runJob(way)
  await askAll(way, '/', 'ok\n')
  const listed = await person.type(`secco denials -n ${namespace}`)
  t.match(
    listed.stdout + listed.stderr,
    /No denials found/,
    'what was learned is all that is needed'
  )
  for (const name of profilesOf(way)) {
    const { stdout } = await person.type(`secco promote ${namespace}/${name} enforce --dry-run`)
    const [, inForce, of] = /in force: (\d+) of (\d+) running/.exec(stdout) ?? []
    t.equal(inForce, of, `${name}: the kernel has it everywhere`)
  }
  await person.type(`secco ps -n ${namespace}`)
  await person.type(`secco ps --wrong -n ${namespace}`)
}
