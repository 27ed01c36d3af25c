import { test } from 'tap'
import { eventsInOrder, isEnd, killingSignal } from '../../../src/history/endings.js'

test('the events of an instance, and how it ended', (t) => {
  const table: [event: string, signal: string | undefined, end: boolean][] = [
    ['start', undefined, false],
    ['stop', undefined, true],
    ['ended', undefined, true],
    ['killed', 'SIGKILL', true],
    ['killed SIGSEGV', 'SIGSEGV', true],
    ['killed SIG40', 'SIG40', true],
    ['killed SIG', undefined, false],
    ['killed by me', undefined, false],
    [`killed SIG${'X'.repeat(11)}`, undefined, false]
  ]
  for (const [event, signal, end] of table)
    t.same([killingSignal(event), isEnd(event)], [signal, end], event)
  const given = ['killed SIGSYS', 'made up', 'probe', 'start', 'killed', 'start']
  t.same(eventsInOrder(given), ['start', 'probe', 'killed SIGSYS'], 'known ones, each once')
  t.same(eventsInOrder([]), [])
  t.end()
})
