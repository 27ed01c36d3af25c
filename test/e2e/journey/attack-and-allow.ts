import type { DenialView } from '../../../webhook/confinement/denials/denial-views.js'
import { askPod, type Pod } from '../../helpers/kubernetes/pods.js'
import { until } from '../../helpers/until.js'
import { commandsIn, type Typed } from './typing-person.js'
import { askAll, denials, patience, podsOf, rolledOut, runJob, type Way } from './way.js'
import type { Workload } from './workloads.js'

/** What the next release calls and was never learned; every other denied call is an attack. */
const needed = 'getpriority'
const attacks = ['chroot', 'keyctl', 'unshare']

/** The workloads that need it, by the container. */
const needs = ({ workloads }: Way): [Workload, string][] =>
  workloads.flatMap((one): [Workload, string][] => {
    if (one.name === 'web') return [[one, 'app']]
    return one.kind === 'CronJob' ? [[one, one.name]] : []
  })

const words = (pods: readonly Pod[]): string => pods.map(({ metadata }) => metadata.name).join(' ')

/** Makes the calls of an intruder; the next release of each workload makes one that it needs. */
async function makeCalls(way: Way): Promise<Pod[]> {
  const { t, person, namespace } = way
  const denied = attacks.map((call) => `${call} denied errno 1\n`).join('')
  await askAll(way, '/attack', denied)
  const all: Pod[] = []
  for (const [workload] of needs(way)) {
    if (workload.kind === 'CronJob') {
      const command = '/spec/jobTemplate/spec/template/spec/containers/0/command/-'
      const patch = JSON.stringify([{ op: 'add', path: command, value: needed }])
      await person.type(
        `kubectl patch cronjob ${workload.name} -n ${namespace} --type json -p '${patch}'`
      )
      await runJob(way)
    } else {
      const pods = await podsOf(way, workload)
      for (const pod of pods) {
        t.equal(await askPod(pod, `/call/${needed}`), `${needed} denied errno 1\n`)
      }
      all.push(...pods)
    }
  }
  return all
}

/** Waits until every denied call of these pods, and of the jobs, is listed. */
async function listed(way: Way, pods: readonly Pod[]): Promise<void> {
  await until(
    `every denial of ${words(pods)} to be listed`,
    async (note) => {
      const all = await denials(way)
      note(all.map(({ pod, syscall }) => `${pod} ${syscall}`))
      const isListed = (pod: Pod, call: string): boolean =>
        all.some((one) => one.pod === pod.metadata.name && one.syscall === call)
      const isWhole = pods.every((pod) => [...attacks, needed].every((one) => isListed(pod, one)))
      const hasAll = needs(way).every(([, container]) => all.some(isNeeded(container)))
      return (isWhole && hasAll) || undefined
    },
    patience
  )
}

const isNeeded =
  (container: string) =>
  ({ syscall, containerName }: DenialView): boolean =>
    syscall === needed && containerName === container

/** Waits for the event about the call on a pod; the command that it prints is the remedy. */
async function eventNamesRemedy(way: Way, pod: Pod): Promise<void> {
  const { t, person, namespace } = way
  const message = await until(
    `an event about ${needed} on ${pod.metadata.name}`,
    async (note) => {
      const { stdout } = await person.run(`kubectl get events -n ${namespace} -o json`)
      const { items } = JSON.parse(stdout) as {
        items: { message: string; involvedObject: { name: string } }[]
      }
      note(items.map(({ message }) => message))
      return items.find(
        ({ message, involvedObject }) =>
          involvedObject.name === pod.metadata.name && message.includes(`called ${needed}`)
      )?.message
    },
    patience
  )
  t.strictSame(commandsIn(message), [`secco denials allow ${namespace}/web.app ${needed}`], message)
}

/** Makes the calls of an intruder, and some that the next release needs; each verb names them. */
export async function attack(way: Way): Promise<void> {
  const { t, person, namespace } = way
  const pods = await makeCalls(way)
  const [pod] = pods
  if (pod === undefined) throw new Error('no pod')
  await listed(way, pods)
  await person.type(`secco denials -n ${namespace}`)
  const name = `${namespace}/${pod.metadata.name}`
  const why = await person.type(`secco why-eperm ${name}`)
  for (const call of [...attacks, needed]) t.match(why.stdout, `called ${call} and got EPERM`)
  await person.type(`secco explain ${name}`)
  await person.type(`secco history Deployment/web -n ${namespace}`)
  await person.type(`secco profile show ${namespace}/web.app`)
  await eventNamesRemedy(way, pod)
}

/** Waits until every denial of the needed call in a container has a state; returns one. */
async function settled(
  way: Way,
  container: string,
  state: DenialView['state']
): Promise<DenialView> {
  return await until(
    `${needed} of ${container} to be ${state}`,
    async (note) => {
      const all = (await denials(way, '--closed')).filter(isNeeded(container))
      note(all.map((one) => `${one.pod} ${one.state}: ${one.hint}`))
      return all.every((one) => one.state === state) ? all[0] : undefined
    },
    patience
  )
}

/** Runs the only command of a text, as it is printed. */
async function onlyCommand({ t, person }: Way, text: string): Promise<Typed> {
  const commands = commandsIn(text)
  t.equal(commands.length, 1, text)
  return await person.type((commands[0] ?? '').replace(/--reason WHY\b/, "--reason 'release 2'"))
}

/** Allows the needed calls by what is printed, restarts by what is printed, and the denials close. */
export async function allow(way: Way): Promise<void> {
  const { t, person, namespace } = way
  for (const [workload, container] of needs(way)) {
    const preview = await onlyCommand(way, (await settled(way, container, 'open')).hint)
    t.match(preview.said, /^\+ getpriority$[^]*nothing was changed/m)
    const allowed = await onlyCommand(way, preview.next.join('\n'))
    if (workload.kind !== 'CronJob') {
      t.match(allowed.said, /keeps its filter until you run: kubectl (--\S+ \S+ )*rollout restart/)
      await onlyCommand(way, (await settled(way, container, 'allowed')).hint)
      await rolledOut(way)
    }
    await settled(way, container, 'closed')
    if (workload.kind === 'CronJob') await runJob(way)
    else {
      for (const pod of await podsOf(way, workload)) {
        t.equal(await askPod(pod, `/call/${needed}`), `${needed} ok\n`)
      }
    }
    const open = (await denials(way)).filter(isNeeded(container))
    t.strictSame(open, [], 'it is listed no more')
  }
  await person.type(`secco denials -n ${namespace}`)
  await person.type(`secco denials -n ${namespace} --closed`)
  await person.type(`secco ps -n ${namespace}`)
  const shown = await person.type(`secco history Deployment/web -n ${namespace}`)
  t.match(shown.stdout, /release 2/)
}
