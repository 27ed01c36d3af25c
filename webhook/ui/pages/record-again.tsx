import type { VNode } from 'preact'
import { plural } from '../../../src/lib/plural.js'
import { quoted } from '../../../src/lib/shell-word.js'
import type { NodeView } from '../../views/view.js'
import type { InventoryItem } from '../model/inventory.js'
import type { UiSources } from '../model/sources.js'
import { titleOf, type WorkloadLine } from '../model/workloads.js'
import { Command, Empty } from '../parts/panels.js'

/** Returns the containers of a workload, whatever profile they run under. */
export function containersOf(
  items: readonly InventoryItem[],
  {
    namespace,
    kind,
    name,
    container
  }: Pick<WorkloadLine, 'namespace' | 'kind' | 'name' | 'container'>
): InventoryItem[] {
  return items.filter(
    (item) =>
      item.namespace === namespace &&
      item.workload === `${kind}/${name}` &&
      (container === '' || item.name === container)
  )
}

/** A Job has at most 63 characters, of which the time takes 10. */
const mostOfName = 45

/** Returns what begins the next container of a workload; undefined where Secco does not know how it is started. */
function startCommand({ namespace, kind, name }: WorkloadLine): string | undefined {
  const where = `-n ${quoted(namespace)}`
  if (kind === 'CronJob') {
    // The time makes another name each time: a Job stays when it has ended.
    const job = `${quoted(name.slice(0, mostOfName).replace(/[.-]+$/, ''))}-record-$(date +%s)`
    return `kubectl create job ${where} --from=${quoted(`cronjob/${name}`)} ${job}`
  }
  if (kind === 'Deployment' || kind === 'StatefulSet')
    return `kubectl scale ${where} ${quoted(`${kind.toLowerCase()}/${name}`)} --replicas=1`
  return undefined
}

type Recording = Pick<NodeView, 'record' | 'tracingUnavailable'>

const recordsNothing = ({ record, tracingUnavailable }: Recording): boolean =>
  record === 'off' || tracingUnavailable !== ''

/** Returns whether the next container is recorded, as far as nodes say what they record. */
function recordedLater(nodes: readonly Recording[]): string {
  const without = nodes.filter(recordsNothing).length
  const open = nodes.filter((node) => !recordsNothing(node))
  const some = open.filter(({ record }) => record === 'unprofiled').length
  const unknown = open.filter(({ record }) => record === '').length
  return [
    'Recording starts with its next container, from the first instruction, and without a trace: ' +
      'start it, and see its calls on the page of the workload.',
    ...(without === 0
      ? []
      : [`Not on ${plural(without, 'node')} of ${nodes.length}: nothing is recorded there.`]),
    ...(some === 0
      ? []
      : [
          `On ${plural(some, 'node')} with \`--record unprofiled\` only while a container there has no enforced profile.`
        ]),
    ...(unknown === 0
      ? []
      : [`Whether ${plural(unknown, 'node records', 'nodes record')} is not known.`])
  ].join(' ')
}

/** Says that a workload that a person wants to record has no running container, and what happens with its next one. */
export function NothingToRecord({
  line,
  sources: { nodes: listNodes, missing, hasReported }
}: {
  line: WorkloadLine
  sources: Pick<UiSources, 'nodes' | 'missing' | 'hasReported'>
}): VNode {
  const who = `${line.kind} ${titleOf(line)}`
  const nodes = listNodes()
  // Its containers under other profiles are in no number of its line: what a node has not listed may run there.
  if (missing().length > 0 || nodes.some(({ name }) => !hasReported(name))) {
    const next = 'See which node does not report: `secco doctor`.'
    return (
      <Empty what={`${who} may run on a node that has not reported its containers.`} next={next} />
    )
  }
  const what = `${who} has no running container.`
  if (nodes.every(recordsNothing)) {
    const next =
      'No node would record its next one: see why with `secco doctor`. ' +
      'A satellite with `--record off` records nothing.'
    return <Empty what={what} next={next} />
  }
  const command = startCommand(line)
  return (
    <div class="body stack">
      <Empty what={what} next={recordedLater(nodes)} />
      {command !== undefined && <Command text={command} />}
      <Command text={`secco learn ${line.key} --until-confident -- YOUR TEST COMMAND`} />
    </div>
  )
}
