import { plural } from '../lib/plural.js'
import {
  type HistoryCalls,
  type HistoryDenial,
  type HistoryEvent,
  type HistoryStart,
  type MergedRecords,
  nodeOf,
  type WorkloadHistory
} from './workload-history.js'

/** HistoryLine is one line of a history, as the command, the API and the page show it. */
export interface HistoryLine {
  /** RFC 3339: when it happened; of repeated things the last time. */
  at: string
  /** start, stop, new, denial, approval, delivery, mode, canary, allow, mute, block, drift, secco. */
  what: string
  /** Empty where it is about no single node. */
  node: string
  /** A person, a policy, or the processes that were denied; empty where nobody is known. */
  by: string
  text: string
}

const namesShown = 12

function namesText(names: readonly string[]): string {
  const shown = names.slice(0, namesShown).join(', ')
  const more = names.length - namesShown
  return more > 0 ? `${shown} and ${more} more` : shown
}

function startLines(one: HistoryStart): HistoryLine[] {
  const { at, node, complete, image, digest, pod, revision, ended } = one
  const facts = [
    ...(pod === undefined ? [] : [`pod ${pod}`]),
    ...(image === undefined ? [] : [`image ${image}`]),
    ...(digest === undefined ? [] : [digest.slice(0, 19)]),
    ...(revision === undefined ? [] : [`revision ${revision.slice(0, 19)}`])
  ]
  const how = complete ? 'started' : 'first seen, it had started before'
  const text = [how, ...facts].join(', ')
  const name = pod ?? one.container?.slice(0, 12) ?? ''
  return [
    { at, what: 'start', node, by: '', text },
    ...(ended === undefined
      ? []
      : [{ at: ended, what: 'stop', node, by: '', text: `${name} ended`.trim() }])
  ]
}

function callsLine({ at, run, abi, names }: HistoryCalls): HistoryLine {
  const text = `${plural(names.length, 'syscall')} for the first time (${abi}): ${namesText(names)}`
  return { at, what: 'new', node: nodeOf(run), by: '', text }
}

function denialLine(one: HistoryDenial): HistoryLine {
  const { instance, abi, syscall, answer, count, first, last, processes, expected } = one
  const how =
    answer === 'logged' ? 'would be denied' : `denied${answer === '?' ? '' : ` with ${answer}`}`
  // One call has one time: a satellite that was restarted measures it again, to the millisecond.
  const since = count === 1 || first === last ? '' : ` since ${first}`
  const purpose = expected === true ? ', on purpose' : ''
  const where = abi === '' || abi === 'x86_64' ? '' : ` (${abi})`
  const text = `${syscall}${where} ${how} ${plural(count, 'time')}${since}${purpose}`
  return { at: last, what: 'denial', node: nodeOf(instance), by: processes.join(', '), text }
}

function eventLine({
  at,
  what,
  by = '',
  text,
  reason,
  revision,
  until
}: HistoryEvent): HistoryLine {
  const facts = [
    text,
    ...(revision === undefined ? [] : [revision.slice(0, 19)]),
    ...(until === undefined ? [] : [`until ${until}`])
  ].join(', ')
  return { at, what, node: '', by, text: reason === undefined ? facts : `${facts}: ${reason}` }
}

function sumLine({ what, count, records, first, last, atLeast }: MergedRecords): HistoryLine {
  const [kind = '', abi = '', syscall = '', answer = ''] = what.split(' ')
  const span = `from ${first} to ${last}`
  const least = atLeast === true ? 'at least ' : ''
  if (abi === '') {
    return { at: last, what: kind, node: '', by: '', text: `${least}${count} earlier, ${span}` }
  }
  const isLogged = answer === 'logged'
  const which =
    syscall === '*' ? 'other syscalls' : `${syscall} (${isLogged ? abi : `${abi}, ${answer}`})`
  const how = isLogged ? 'would be denied' : 'denied'
  const purpose = kind === 'expected' ? ' on purpose' : ''
  const times = `${least}${plural(count, 'time')} in ${plural(records, 'container')}`
  const text = `${which} ${how}${purpose} ${times}, ${span}`
  return { at: last, what: 'denial', node: '', by: '', text }
}

/**
 * Returns the lines of a history, newest last. Pure.
 * @param installation the history of Secco itself: its blocks and its restarts concern every workload
 */
export function historyLines(
  history: WorkloadHistory,
  installation?: WorkloadHistory
): HistoryLine[] {
  const nodes = new Set(history.starts.map(({ node }) => node))
  const lines = [
    ...(history.earlier?.sums ?? []).map(sumLine),
    ...history.starts.flatMap(startLines),
    ...history.calls.map(callsLine),
    ...history.denials.map(denialLine),
    ...history.events.map(eventLine),
    ...(installation?.events ?? [])
      .filter(({ id, at }) => at >= history.since && concerns(id, nodes))
      .map(eventLine)
  ]
  return lines.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
}

/** Returns whether an event of the installation concerns a workload on these nodes. */
function concerns(id: string, nodes: ReadonlySet<string>): boolean {
  const [kind, node = ''] = id.split(' ')
  return kind !== 'satellite' || nodes.has(node)
}
