import type { DiscoveryEvent } from '../../hub/observations/discovery.js'

/** Size of a drawing, with the room beside the curve. */
export interface Figure {
  width: number
  height: number
  left: number
  right: number
}

export const wide: Figure = { width: 860, height: 250, left: 40, right: 150 }
export const narrow: Figure = { width: 340, height: 220, left: 32, right: 16 }
const top = 24
const bottom = 26

export interface Curve {
  events: readonly DiscoveryEvent[]
  /** Number of observed syscalls, as on every page: events may be older, missing after a restart of the hub, or of a session. */
  observed: number
  /** Number of syscalls that the approved rendering allows; undefined before the first approval. */
  approved: number | undefined
  /** Estimate of the calls that nobody saw yet, 95 %. */
  unseen: { lower: number; upper: number } | undefined
  /** Over the time since each instance's start instead of the clock. */
  sinceStart: boolean
  now: number
}

/** Shortens the id of an instance to its end. */
export const shortName = (instance: string) => `…${instance.slice(-5)}`

/** One event of an instance as a point of its line. */
interface Point {
  at: number
  own: number
  all: number
  event: DiscoveryEvent
}

function pointsOf({ events, sinceStart, observed }: Curve): Map<string, Point[]> {
  const lines = new Map<string, Point[]>()
  for (const event of events) {
    const at = Date.parse(event.at)
    if (event.part !== 'entry' || Number.isNaN(at)) continue
    const line = lines.get(event.instance) ?? []
    const begun = line[0]?.event === undefined ? at : Date.parse(line[0].event.at)
    line.push({
      at: sinceStart ? at - begun : at,
      own: event.own,
      all: Math.min(event.all, observed),
      event
    })
    lines.set(event.instance, line)
  }
  return lines
}

/** Returns a round step for the axis: 10, 20, 50, 100. */
export function stepOf(most: number): number {
  return [5, 10, 20, 25, 50, 100].find((step) => most / step <= 5) ?? 100
}

/** Formats the time under a tick of the axis. */
export function tickText(ms: number, sinceStart: boolean, span: number): string {
  if (!sinceStart) return new Date(ms).toISOString().slice(11, span < 600_000 ? 19 : 16)
  const minutes = Math.round(ms / 60_000)
  if (minutes < 2) return `${Math.round(ms / 1000)} s`
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
}

/** A curve with the scale of the figure that it is drawn in. */
export interface Plot {
  curve: Curve
  figure: Figure
  lines: ReadonlyMap<string, readonly Point[]>
  /** Points of all lines, the oldest first. */
  order: readonly Point[]
  /** Syscalls that all instances together were seen with. */
  seen: number
  from: number
  to: number
  most: number
  /** The right end of the curve, and its lower one. */
  end: number
  floor: number
  /** Whether there is room for words beside the curve. */
  roomy: boolean
  x: (at: number) => number
  y: (value: number) => number
}

/** Scales a curve to a figure. */
export function plotOf(curve: Curve, figure: Figure): Plot {
  const { width, height, left, right } = figure
  const lines = pointsOf(curve)
  const all = [...lines.values()].flat()
  const times = all.map(({ at }) => at)
  const from = Math.min(...times)
  const to = Math.max(curve.sinceStart ? 0 : curve.now, ...times, from + 60_000)
  const seen = curve.observed
  const most = Math.max(seen + (curve.unseen?.upper ?? 0), curve.approved ?? 0, 10) * 1.08
  const floor = height - bottom
  return {
    ...{ curve, figure, lines, seen, from, to, most, floor },
    order: all.sort((a, b) => a.at - b.at),
    end: width - right,
    roomy: right >= 60,
    x: (at) => Math.round(left + ((at - from) / (to - from)) * (width - left - right)),
    y: (value) => Math.round(floor - (value / most) * (floor - top))
  }
}

const lineHeight = 16

/** Returns where the words beside the curve are, one below the other: of what is unseen, of all, and of each instance. */
export function labelPlaces({ curve, seen, floor, y }: Plot, instances: number) {
  const all = Math.min(y(seen) + lineHeight, floor - lineHeight * instances - 2)
  const high = y(seen + (curve.unseen?.upper ?? 0)) + 4
  return {
    unseen: Math.max(12, Math.min(high, all - lineHeight)),
    all,
    instance: (index: number) => all + 2 + lineHeight * (index + 1)
  }
}

/** Returns the steps of a line through these points, from the floor to the right end. */
export function pathOf(
  plot: Plot,
  points: readonly Point[],
  value: (point: Point) => number
): string {
  const { x, y, floor, end } = plot
  const steps = points.map((point, at) => {
    const [px, py] = [x(point.at), y(value(point))]
    return at === 0 ? `M${px} ${floor}V${py}` : `H${px}V${py}`
  })
  return `${steps.join('')}H${end}`
}
