import { plural } from '../../../src/lib/plural.js'
import { errnoName } from '../../../src/syscalls/errno-name.js'
import type { DenialView } from './denial-views.js'

/** One refused call in plain words, and what to do about it. */
export function denialWords(view: DenialView): string {
  const who = view.comm === '' ? 'A process' : `${view.comm} (pid ${view.pid})`
  const what = view.arguments === '' ? view.syscall : `${view.syscall} with ${view.arguments}`
  const got =
    view.signal !== ''
      ? `was ended by ${view.signal}`
      : view.action === 'SCMP_ACT_LOG'
        ? 'was let through and logged: enforce would refuse it'
        : view.errno === 0
          ? 'was refused'
          : `got ${errnoName(view.errno)}`
  const times = plural(view.count, 'time')
  return `${who} in ${view.containerName} on ${view.node} called ${what} and ${got}, ${times}, last at ${view.at}. ${view.hint}.`
}
