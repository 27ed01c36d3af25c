import type { VNode } from 'preact'
import type { DiscoveryEvent } from '../../hub/observations/discovery.js'

const [width, height] = [64, 16]

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
