import type { VNode } from 'preact'
import type { DiscoveryEvent } from '../../hub/observations/discovery.js'
import { countText } from './format.js'

const [width, height] = [64, 16]
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
  const x = (at: number) => Math.round(((at - first.at) / span) * (width - 8))
  const y = (all: number) => Math.round((height - 2) * (1 - all / most)) + 1
  const steps = points.map(({ at, all }) => `H${x(at)}V${y(all)}`).join('')
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={`from ${first.all} to ${most} different calls`}
    >
      <path d={`M0 ${y(first.all)}${steps}H${width}`} />
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
