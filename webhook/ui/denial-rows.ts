import { errnoName } from '../../src/seccomp/errno-name.js'
import { html, type Markup } from './html.js'
import type { DenialCount } from './view.js'

/** One refused call of one container instance as pages and API show it. */
export interface DenialView extends DenialCount {
  node: string
  container: string
  syscall: string
  abi: string
  action: string
  errno: number
  signal: string
  pid: number
  comm: string
  at: string
  lastSeen: string
  succeeded: number
}

/** Rows of the page; the whole list is in the API. */
const shown = 100

/** What the caller got, in a word: EPERM, SIGSYS, logged; – where it is not known. */
export function answerOf({
  action,
  errno,
  signal
}: Pick<DenialView, 'action' | 'errno' | 'signal'>): string {
  if (signal !== '') return signal
  if (action === 'SCMP_ACT_LOG') return 'logged'
  return errno === 0 ? '–' : errnoName(errno)
}

/** Who asked last: name and host pid. */
export function callerOf({ comm, pid }: Pick<DenialView, 'comm' | 'pid'>): string {
  return pid === 0 ? '–' : `${comm} (${pid})`
}

function row(denial: DenialView): Markup {
  const { namespace, profile, container, syscall, abi, count, at, lastSeen, succeeded } = denial
  const wrong = succeeded === 0 ? '' : ` ▲ succeeded ${succeeded} times`
  return html`<tr><td>${namespace}/${profile}</td><td><code>${container.slice(0, 12)}</code></td><th scope="row">${syscall}</th><td>${abi}</td>
<td>${count}</td><td>${answerOf(denial)}${wrong}</td><td>${callerOf(denial)}</td><td>${at === '' ? lastSeen : at}</td></tr>`
}

function table(caption: string, denials: readonly DenialView[]): Markup {
  if (denials.length === 0) return html``
  return html`<section class="wrap"><table><caption>${caption}</caption><thead><tr><th scope="col">Profile</th><th scope="col">Container</th>
<th scope="col">Syscall</th><th scope="col">ABI</th><th scope="col">Calls</th><th scope="col">Answer</th><th scope="col">Newest caller</th><th scope="col">When</th></tr></thead>
<tbody>${denials.slice(-shown).reverse().map(row)}</tbody></table></section>`
}

/** Denials, newest first, and apart from them those that are refused on purpose. */
export function denialTables(denials: readonly DenialView[]): Markup {
  return html`${table(
    'Denials',
    denials.filter(({ expected }) => !expected)
  )}${table(
    'Refused on purpose (libc has another way)',
    denials.filter(({ expected }) => expected)
  )}`
}
