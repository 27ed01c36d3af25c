import { nodeOf } from '../api/instance-id.js'
import { endKind, killingSignal } from './endings.js'
import { listed, plural } from '../lib/plural.js'
import { betweenText, gapOfEvent, gapsWithin } from './recording-gap.js'
import {
  type HistoryCalls,
  type HistoryDenial,
  type HistoryEvent,
  type HistoryStart,
  type MergedRecords,
  type WorkloadHistory
} from './workload-history.js'

/** HistoryLine is one line of a history, as the command, the API and the page show it. */
export interface HistoryLine {
  /** RFC 3339: when it happened; of repeated things the last time. */
  at: string
  /**
   * start, found (its start is not known), stop, killed, ended (how is not known),
   * new, denial, approval, delivery, mode, canary, allow, mute, block, drift, secco.
   */
  what: string
  /** Empty where it is about no single node. */
  node: string
  /** A person, a policy, or the processes that were denied; empty where nobody is known. */
  by: string
  text: string
}

const namesShown = 12

const namesText = (names: readonly string[]): string => listed(names, namesShown)

function endText(after: string | undefined, ended: string, ending: string): string {
  const signal = killingSignal(ending)
  const how = signal === undefined ? 'ended' : `ended, killed (${signal})`
  return after === undefined
    ? how
    : `${how} ${betweenText({ from: after, to: ended })}: nobody saw it`
}

function startLines(one: HistoryStart): HistoryLine[] {
  const {
    at,
    node,
    complete,
    image,
    digest,
    pod,
    revision,
    ended,
    endedAfter,
    ending = 'ended'
  } = one
  const facts = [
    ...(pod === undefined ? [] : [`pod ${pod}`]),
    ...(image === undefined ? [] : [`image ${image}`]),
    ...(digest === undefined ? [] : [digest.slice(0, 19)]),
    ...(revision === undefined ? [] : [`revision ${revision.slice(0, 19)}`])
  ]
  const how = complete ? 'started' : 'first seen, not recorded as a whole'
  const text = [how, ...facts].join(', ')
  const name = pod ?? one.container ?? ''
  return [
    // Nothing is known of the start of a container that ran when it was first seen, or was not counted exactly.
    { at, what: complete ? 'start' : 'found', node, by: '', text },
    ...(ended === undefined
      ? []
      : [
          {
            at: ended,
            what: endKind(ending),
            node,
            by: '',
            text: `${name} ${endText(endedAfter, ended, ending)}`.trim()
          }
        ])
  ]
}

function callsLine({ at, until, run, abi, names }: HistoryCalls): HistoryLine {
  const when = until === undefined ? '' : ` ${betweenText({ from: at, to: until })}`
  const what = `${plural(names.length, 'syscall')} for the first time${when}`
  const text = `${what} (${abi}): ${namesText(names)}`
  return { at, what: 'new', node: until === undefined ? nodeOf(run) : '', by: '', text }
}

/** Returns a process in words: a program chooses its name, and may choose that of a person. */
const processText = (name: string): string => `process ${JSON.stringify(name)}`

function denialLine(one: HistoryDenial): HistoryLine {
  const { instance, abi, syscall, answer, count, first, last, processes, expected } = one
  const how =
    answer === 'logged' ? 'would be denied' : `denied${answer === '?' ? '' : ` with ${answer}`}`
  // One call has one time, also where somebody set the clock between two reports of it.
  const since = count === 1 || first === last ? '' : ` since ${first}`
  const purpose = expected === true ? ', on purpose' : ''
  const where = abi === '' || abi === 'x86_64' ? '' : ` (${abi})`
  const text = `${syscall}${where} ${how} ${plural(count, 'time')}${since}${purpose}`
  return {
    at: last,
    what: 'denial',
    node: nodeOf(instance),
    by: processes.map(processText).join(', '),
    text
  }
}

/** Returns the node that an event of the installation is about; empty for all others. */
function nodeOfEvent(id: string): string {
  const [kind, node = ''] = id.split(' ')
  return kind === 'satellite' || kind === 'gap' ? node : ''
}

function eventLine({
  id,
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
  return {
    at,
    what,
    node: nodeOfEvent(id),
    by,
    text: reason === undefined ? facts : `${facts}: ${reason}`
  }
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
      .filter((event) => concerns(event, history, nodes))
      .map(eventLine)
  ]
  return lines.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
}

/** A recorder that begins finds what runs within this time. */
const adoptedMs = 60_000

/** Returns by when a container had begun: one that was first seen late ran already when the recorder began. */
function beganBy({ at, complete }: HistoryStart): string {
  return complete ? at : new Date(Date.parse(at) - adoptedMs).toISOString()
}

/** Returns whether an event of the installation concerns a workload on these nodes. */
function concerns(
  event: HistoryEvent,
  { since, starts }: WorkloadHistory,
  nodes: ReadonlySet<string>
): boolean {
  const gap = gapOfEvent(event)
  if (gap === undefined) {
    const node = nodeOfEvent(event.id)
    return event.at >= since && (node === '' || nodes.has(node))
  }
  const onNode = starts.filter(({ node }) => node === gap.node)
  return onNode.some((start) => gapsWithin([gap], beganBy(start), start.ended).length > 0)
}
