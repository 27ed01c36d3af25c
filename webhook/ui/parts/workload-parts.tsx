import type { VNode } from 'preact'
import type { SeccompProfile } from '../../../src/api/seccomp-profile.js'
import { endWord } from '../../../src/history/endings.js'
import type { Review } from '../../../src/seccomp/review/review.js'
import { observedNames } from '../../../src/seccomp/review/profile-size.js'
import { sizeOfSet } from '../../../src/syscalls/syscall-set.js'
import type { DiscoveryEvent } from '../../hub/observations/discovery.js'
import { Moment } from './marks.js'
import { Empty, EmptyBody, Facts } from './panels.js'
import { Table } from './table.js'
import {
  servingText,
  startupOnly,
  startupOnlyText
} from '../../../src/seccomp/review/startup-only.js'
import { firstPoints } from '../../../src/seccomp/review/risk-score.js'

const eventWords: Readonly<Record<string, string>> = {
  new: 'first calls',
  found: 'first seen while it ran'
}

const eventWord = (what: string): string => eventWords[what] ?? endWord(what)

/** The events of the curve as rows of a table. */
export function EventRows(props: {
  events: readonly DiscoveryEvent[]
  most: number
  now: number
}): VNode {
  const { events, most, now } = props
  return (
    <Table
      caption="Events of the curve"
      columns={[
        { title: 'Time' },
        { title: 'Event' },
        { title: 'Instance' },
        { title: 'New', num: true },
        { title: 'Its own', num: true },
        { title: 'All', num: true }
      ]}
      rows={events.slice(-most).map((event, at) => ({
        key: String(at),
        cells: [
          <Moment at={event.at} now={now} />,
          `${eventWord(event.what)}, ${event.part}`,
          <bdi class="mono">{event.instance.slice(-12)}</bdi>,
          event.count,
          event.own,
          event.all
        ]
      }))}
    />
  )
}

const shownEvents = 8
const shownNames = 6

/** The newest events, each with the syscalls that it brought. */
export function EventsPanel(props: { events: readonly DiscoveryEvent[]; now: number }): VNode {
  const { events, now } = props
  return (
    <section class="panel">
      <Table
        caption="What happened"
        note="newest first"
        columns={['Time', 'Event', 'Instance', 'New syscalls']}
        rows={[...events]
          .reverse()
          .slice(0, shownEvents)
          .map((event, at) => ({
            key: `${event.instance} ${event.at} ${event.what} ${at}`,
            cells: [
              <Moment at={event.at} now={now} />,
              <>
                {eventWord(event.what)}
                <span class="sub">{event.part}</span>
              </>,
              <bdi class="mono">…{event.instance.slice(-5)}</bdi>,
              <span class="mono">
                {event.names.slice(0, shownNames).join(', ') || 'none'}
                {event.count > shownNames && ` and ${event.count - shownNames} more`}
              </span>
            ]
          }))}
        live="events"
      />
      {events.length === 0 && (
        <EmptyBody
          what="Nothing happened since this hub began."
          next="Events come with the first observation."
        />
      )}
    </section>
  )
}

/** Numbers of syscalls by phase, of probes and of sessions. */
export function PhasePanel({ profile }: { profile: SeccompProfile }): VNode {
  const { probes, sessions } = profile.status ?? {}
  const early = startupOnly(profile)
  const names = Object.values(early ?? {}).flat()
  return (
    <section class="panel" aria-labelledby="h-ph">
      <header>
        <h2 id="h-ph">Phases</h2>
      </header>
      <div class="body stack">
        <Facts
          entries={[
            ['Observed', String(observedNames(profile).size)],
            ['While serving', servingText(profile)],
            ['Start-up only', startupOnlyText(early)],
            [
              'Probes',
              `${sizeOfSet(probes ?? {})} (${profile.spec.learn?.probes === false ? 'left out' : 'included'})`
            ],
            [
              'Sessions',
              `${sizeOfSet(sessions ?? {})} (${profile.spec.learn?.sessions === true ? 'included' : 'left out'})`
            ]
          ]}
        />
        {names.length !== 0 && (
          <details>
            <summary>Start-up only</summary>
            <p class="mono wrap">{names.join(' ')}</p>
          </details>
        )}
      </div>
    </section>
  )
}

/** The values of arguments that were seen. */
export function ArgumentPanel({ profile }: { profile: SeccompProfile }): VNode {
  const list = profile.status?.arguments ?? []
  const filtered = new Set(profile.spec.learn?.arguments)
  const value = (text: string) => (text.length > 2 ? `0x${BigInt(text).toString(16)}` : text)
  return (
    <section class="panel" aria-labelledby="h-arg">
      <header>
        <h2 id="h-arg">Arguments</h2>
      </header>
      <div class="body">
        {list.length === 0 ? (
          <Empty
            what="None recorded."
            next="Values of deciding calls (socket, clone, ioctl, prctl …) appear as they are seen."
          />
        ) : (
          <Facts
            entries={list.map(({ name, index, abi, values, many }) => [
              `${name}, argument ${index}, ${abi}${filtered.has(name) ? ', filtered' : ''}`,
              many === true ? (
                'too many values'
              ) : (
                <span class="mono">
                  {values.slice(0, 8).map(value).join(' ')}
                  {values.length > 8 && ' …'}
                </span>
              )
            ])}
          />
        )}
      </div>
    </section>
  )
}

/** The risk score with its points. */
export function RiskPanel({ risk, problem }: Pick<Review, 'risk' | 'problem'>): VNode {
  if (risk === undefined)
    return (
      <section class="panel" aria-labelledby="h-risk">
        <header>
          <h2 id="h-risk">Risk</h2>
        </header>
        <div class="body">
          <Empty what="Not known." next={problem} />
        </div>
      </section>
    )
  return (
    <section class="panel" aria-labelledby="h-risk">
      <header>
        <h2 id="h-risk">Risk {risk.score}</h2>
        <p>
          {risk.of === 'approved' ? 'as approved' : 'if approved as observed'}; RuntimeDefault{' '}
          {risk.runtimeDefault}
        </p>
      </header>
      <div class="body">
        <Facts
          entries={firstPoints(risk, 10).map(({ points, reason, names }) => [
            names.length > 0 && names.length <= 4 ? `${reason}: ${names.join(', ')}` : reason,
            points.toFixed(1)
          ])}
        />
      </div>
    </section>
  )
}
