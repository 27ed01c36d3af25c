import { plural } from '../../../src/lib/plural.js'
import { errnoName } from '../../../src/syscalls/errno-name.js'
import { calledText } from '../../views/denial-view.js'
import { containerOfPod, endedSentence } from '../../views/sentence.js'
import type { DenialView } from './denial-views.js'
import { foreignName } from '../../../src/lib/printed-commands.js'

/** The store keeps the name of a caller, and no pid: after a restart of the hub only the name is known. */
function callerOf({ comm, pid }: DenialView): string {
  if (comm === '') return 'A process'
  return pid === 0 ? foreignName(comm) : `${foreignName(comm)} (pid ${pid})`
}

/** Returns a sentence about one denial, and what to do about it. */
export function denialSentence(view: DenialView): string {
  const what = calledText(view)
  const got =
    view.signal !== ''
      ? `was ended by ${view.signal}`
      : view.action === 'SCMP_ACT_LOG'
        ? 'was allowed and logged: enforce would deny it'
        : view.errno === 0
          ? 'was denied'
          : `got ${errnoName(view.errno)}`
  const times = plural(view.count, 'time')
  const where = `${containerOfPod({ name: view.containerName, pod: view.pod })} on ${view.node}`
  const sentence = `${callerOf(view)} in ${where} called ${what} and ${got}, ${times}, last at ${view.at}.`
  return `${sentence} ${endedSentence(view.hint)}`
}
