import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import type { Review } from '../../../src/seccomp/review/review.js'
import { sizeOfSet } from '../../../src/syscalls/syscall-set.js'
import type { DiscoveryEvent } from '../../hub/observations/discovery.js'
import { html, type Markup, nothing } from './html.js'
import { digestMark, empty, facts, moment, table } from './parts.js'
import { startupOnly } from '../../views/view.js'

/** Every event of the curve as rows. */
export function eventRows(events: readonly DiscoveryEvent[], most: number, now: number): Markup {
  return table({
    caption: 'Events of the curve',
    columns: [
      { title: 'Time' },
      { title: 'Event' },
      { title: 'Instance' },
      { title: 'New', num: true },
      { title: 'Its own', num: true },
      { title: 'All', num: true }
    ],
    rows: events.slice(-most).map((event, at) => ({
      key: String(at),
      cells: [
        moment(event.at, now),
        html`${event.what}, ${event.part}`,
        html`<bdi class="mono">${event.instance.slice(-12)}</bdi>`,
        html`${event.count}`,
        html`${event.own}`,
        html`${event.all}`
      ]
    }))
  })
}

/** Start-up and serving apart, probes and sessions beside. */
export function phasePanel(profile: SeccompProfile): Markup {
  const { probes, sessions, serving, observed } = profile.status ?? {}
  const early = startupOnly(profile)
  const names = Object.values(early ?? {}).flat()
  return html`<section class="panel" aria-labelledby="h-ph"><header><h2 id="h-ph">Phases</h2></header><div class="body stack">${facts(
    [
      ['Observed', String(sizeOfSet(observed ?? {}))],
      ['While serving', serving === undefined ? 'not known yet' : String(sizeOfSet(serving))],
      ['Start-up only', early === undefined ? 'not known yet' : String(names.length)],
      [
        'Probes',
        `${sizeOfSet(probes ?? {})} (${profile.spec.learn?.probes === false ? 'left out' : 'included'})`
      ],
      [
        'Sessions',
        `${sizeOfSet(sessions ?? {})} (${profile.spec.learn?.sessions === true ? 'included' : 'left out'})`
      ]
    ]
  )}${names.length === 0 ? nothing : html`<details><summary>Start-up only</summary><p class="mono wrap">${names.join(' ')}</p></details>`}</div></section>`
}

/** Values that arguments were seen with. */
export function argumentPanel(profile: SeccompProfile): Markup {
  const list = profile.status?.arguments ?? []
  const filtered = new Set(profile.spec.learn?.arguments)
  const value = (text: string) => (text.length > 2 ? `0x${BigInt(text).toString(16)}` : text)
  return html`<section class="panel" aria-labelledby="h-arg"><header><h2 id="h-arg">Arguments</h2></header><div class="body">${
    list.length === 0
      ? empty(
          'None recorded.',
          'Values of deciding calls (socket, clone, ioctl, prctl …) appear as they are seen.'
        )
      : facts(
          list.map(({ name, index, abi, values, many }) => [
            `${name}, argument ${index}, ${abi}${filtered.has(name) ? ', filtered' : ''}`,
            many === true
              ? 'too many values'
              : html`<span class="mono">${values.slice(0, 8).map(value).join(' ')}${values.length > 8 ? ' …' : ''}</span>`
          ])
        )
  }</div></section>`
}

/** The score, every point explained. */
export function riskPanel({ risk, problem }: Pick<Review, 'risk' | 'problem'>): Markup {
  if (risk === undefined)
    return html`<section class="panel" aria-labelledby="h-risk"><header><h2 id="h-risk">Risk</h2></header><div class="body">${empty('Not known.', problem)}</div></section>`
  return html`<section class="panel" aria-labelledby="h-risk"><header><h2 id="h-risk">Risk ${risk.score}</h2><p>${risk.of === 'approved' ? 'as approved' : 'if approved as observed'}; RuntimeDefault ${risk.runtimeDefault}</p></header><div class="body">${facts(risk.points.slice(0, 10).map(({ points, reason, names }) => [names.length > 0 && names.length <= 4 ? `${reason}: ${names.join(', ')}` : reason, points.toFixed(1)]))}</div></section>`
}

/** Who approved what, newest first; without revisions where nothing is rendered of it alone. */
export function historyPanel(
  profile: SeccompProfile,
  now: number,
  none = empty('Nobody has approved anything yet.', 'The first approval makes the first revision.'),
  revisions = true
): Markup {
  const approvals = [...(profile.status?.approvals ?? [])].reverse()
  if (approvals.length === 0)
    return html`<section class="panel" aria-labelledby="h-hist"><header><h2 id="h-hist">History</h2></header><div class="body">${none}</div></section>`
  return html`<section class="panel">${table({
    caption: 'History',
    note: 'who said yes to what',
    columns: [
      { title: 'When' },
      { title: 'Who' },
      { title: 'Reason' },
      ...(revisions ? [{ title: 'Revision' }] : [])
    ],
    rows: approvals.slice(0, 20).map(({ at, by, reason, revision }, index) => ({
      key: `${at} ${index}`,
      cells: [
        moment(at, now),
        html`<bdi>${by}</bdi>`,
        html`<bdi>${reason ?? 'none given'}</bdi>`,
        ...(revisions ? [digestMark(revision, 'not rendered yet')] : [])
      ]
    }))
  })}</section>`
}
