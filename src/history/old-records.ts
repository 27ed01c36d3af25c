import type {
  HistoryDenial,
  HistoryEvent,
  HistoryStart,
  MergedRecords
} from './workload-history.js'

/** OldRecord is a record of a history in the form in which it is added to a sum. */
export interface OldRecord {
  /** The same for the same event, whoever records it. */
  key: string
  /** RFC 3339: when it began, which no later report changes. */
  began: string
  /** RFC 3339: when it last mattered. */
  at: string
  sum: MergedRecords
}

export const startKey = ({ run }: HistoryStart): string => `start ${run}`
export const denialKey = ({ instance, abi, syscall, action }: HistoryDenial): string =>
  `denial ${instance} ${abi} ${syscall} ${action}`
export const eventKey = ({ id }: HistoryEvent): string => `event ${id}`

export function oldStart(start: HistoryStart): OldRecord {
  const { at, ended } = start
  const sum = { what: 'start', count: 1, records: 1, first: at, last: at }
  return { key: startKey(start), began: at, at: ended ?? at, sum }
}

export function oldDenial(denial: HistoryDenial): OldRecord {
  const { abi, syscall, answer, count, first, last, expected } = denial
  const what = `${expected === true ? 'expected' : 'denial'} ${abi} ${syscall} ${answer}`
  const sum = { what, count, records: 1, first, last }
  return { key: denialKey(denial), began: first, at: last, sum }
}

export function oldEvent(event: HistoryEvent): OldRecord {
  const { at, what } = event
  const sum = { what, count: 1, records: 1, first: at, last: at }
  return { key: eventKey(event), began: at, at, sum }
}
