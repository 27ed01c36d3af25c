import type { VNode } from 'preact'
import { type ConfinementState, states, stateWords } from '../../../src/confinement/state.js'
import type { DiscoveryEvent } from '../../hub/observations/discovery.js'
import { countText } from './format.js'
import { StateMark } from './marks.js'

const barWidth = 840

/** Paths of the stripes that mark a state, each from its left edge. */
const stripePaths: Readonly<Partial<Record<ConfinementState, (x: number) => string>>> = {
  'runtime-default': (x) => `M${x + 2} 0v24`,
  audit: (x) => `M${x} 24l10-24`,
  other: (x) => `M${x} 0l10 24`
}

function Part(props: { state: ConfinementState; from: number; size: number }): VNode {
  const { state, from, size } = props
  const path = stripePaths[state]
  const stripes = Array.from({ length: Math.max(0, Math.floor((size - 6) / 14)) }, (_, index) =>
    path === undefined ? null : <path class="stripe" d={path(from + 6 + index * 14)} />
  )
  return (
    <>
      <rect class={`m-${state}`} x={from} width={size} height="24" />
      {stripes}
      <rect class="gap" x={from + size - 1} width="2" height="24" />
    </>
  )
}

/** How confined everything is: one bar with its numbers. Stripes mark its parts as well as colour does. */
export function StateBar(props: {
  counts: Readonly<Record<ConfinementState, number>>
  what: string
}): VNode {
  const { counts, what } = props
  const total = states.reduce((sum, state) => sum + counts[state], 0)
  let end = 0
  const parts = states.map((state) => {
    const size = total === 0 ? 0 : Math.round((counts[state] / total) * barWidth)
    const from = end
    end += size
    return size === 0 ? null : <Part state={state} from={from} size={size} />
  })
  const words = states.map((state) => `${counts[state]} ${stateWords[state]}`).join(', ')
  return (
    <>
      <svg
        class="bar"
        viewBox={`0 0 ${barWidth} 24`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${total} ${what}: ${words}`}
      >
        {total === 0 ? <rect class="m-not-protectable" width={barWidth} height="24" /> : parts}
      </svg>
      <ul class="legend">
        {states.map((state) => (
          <li>
            <StateMark state={state} /> <b>{counts[state]}</b>
          </li>
        ))}
      </ul>
    </>
  )
}

const [sparkWidth, sparkHeight] = [64, 16]
const [rateWidth, rateHeight] = [240, 40]

/** The curve of a workload as a small figure in a cell. */
export function SparkView({ events }: { events: readonly DiscoveryEvent[] }): VNode {
  const points = events
    .map(({ at, all }) => ({ at: Date.parse(at), all }))
    .filter(({ at }) => !Number.isNaN(at))
    .sort((a, b) => a.at - b.at)
  const [first, last] = [points[0], points.at(-1)]
  if (first === undefined || last === undefined)
    return <span class="muted">none since this hub started</span>
  const most = Math.max(...points.map(({ all }) => all), 1)
  const span = Math.max(1, last.at - first.at)
  const x = (at: number) => Math.round(((at - first.at) / span) * (sparkWidth - 8))
  const y = (all: number) => Math.round((sparkHeight - 2) * (1 - all / most)) + 1
  const steps = points.map(({ at, all }) => `H${x(at)}V${y(all)}`).join('')
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${sparkWidth} ${sparkHeight}`}
      role="img"
      aria-label={`from ${first.all} to ${most} different calls`}
    >
      <path d={`M0 ${y(first.all)}${steps}H${sparkWidth}`} />
    </svg>
  )
}

/** Calls per second of the last minute as a small chart. */
export function RateView({ rates }: { rates: readonly number[] }): VNode {
  const most = Math.max(...rates, 1)
  const x = (at: number) => Math.round((at / Math.max(1, rates.length - 1)) * rateWidth)
  const y = (rate: number) => Math.round((rateHeight - 2) * (1 - rate / most)) + 1
  const line = rates.map((rate, at) => `${at === 0 ? 'M' : 'L'}${x(at)} ${y(rate)}`).join('')
  return (
    <svg
      class="spark rate"
      viewBox={`0 0 ${rateWidth} ${rateHeight}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`at most ${countText(Math.round(most))} calls per second in the last minute`}
    >
      {line !== '' && <path d={line} />}
    </svg>
  )
}
