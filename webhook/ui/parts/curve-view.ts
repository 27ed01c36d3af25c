import type { DiscoveryEvent } from '../../hub/observations/discovery.js'
import { html, type Markup, nothing } from './html.js'
import { counted, empty } from './parts.js'

interface Figure {
  width: number
  height: number
  left: number
  right: number
}

const wide: Figure = { width: 860, height: 250, left: 40, right: 150 }
const narrow: Figure = { width: 340, height: 220, left: 32, right: 16 }
const top = 24
const bottom = 26
const mostLines = 5

export interface Curve {
  events: readonly DiscoveryEvent[]
  /** Names that the approved rendering lets through; undefined before the first approval. */
  approved: number | undefined
  /** Unseen calls, 95 %. */
  unseen: { lower: number; upper: number } | undefined
  /** Time since each instance's start instead of the clock. */
  sinceStart: boolean
  now: number
}

const shortName = (instance: string) => `…${instance.slice(-5)}`

interface Point {
  at: number
  own: number
  all: number
  event: DiscoveryEvent
}

function pointsOf({ events, sinceStart }: Curve): Map<string, Point[]> {
  const lines = new Map<string, Point[]>()
  for (const event of events) {
    const at = Date.parse(event.at)
    if (event.part !== 'entry' || Number.isNaN(at)) continue
    const line = lines.get(event.instance) ?? []
    const begun = line[0]?.event === undefined ? at : Date.parse(line[0].event.at)
    line.push({ at: sinceStart ? at - begun : at, own: event.own, all: event.all, event })
    lines.set(event.instance, line)
  }
  return lines
}

/** Round steps of the axis: 10, 20, 50, 100. */
function stepOf(most: number): number {
  return [5, 10, 20, 25, 50, 100].find((step) => most / step <= 5) ?? 100
}

function clockText(ms: number, sinceStart: boolean, span: number): string {
  if (!sinceStart) return new Date(ms).toISOString().slice(11, span < 600_000 ? 19 : 16)
  const minutes = Math.round(ms / 60_000)
  if (minutes < 2) return `${Math.round(ms / 1000)} s`
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
}

const marks: Readonly<Record<string, (x: number, y: number) => Markup>> = {
  start: (x, y) => html`<path class="mk f" d="M${x - 4} ${y - 5}l9 5-9 5z"/>`,
  probe: (x, y) => html`<path class="mk" d="M${x} ${y - 6}l6 6-6 6-6-6z"/>`,
  reload: (x, y) => html`<path class="mk" d="M${x - 5} ${y - 5}h10v10h-10z"/>`,
  restart: (x, y) => html`<path class="mk f" d="M${x} ${y - 6}l6 11h-12z"/>`,
  serve: (x, y) => html`<circle class="mk" cx="${x}" cy="${y}" r="5"/>`,
  stop: (x, y) => html`<path class="mk" d="M${x - 5} ${y}h10M${x} ${y - 5}v10"/>`
}

function draw(curve: Curve, figure: Figure, kind: string): Markup {
  const lines = pointsOf(curve)
  const all = [...lines.values()].flat()
  const from = Math.min(...all.map(({ at }) => at))
  const to = Math.max(curve.sinceStart ? 0 : curve.now, ...all.map(({ at }) => at), from + 60_000)
  const seen = Math.max(...all.map((point) => point.all))
  const most = Math.max(seen + (curve.unseen?.upper ?? 0), curve.approved ?? 0, 10) * 1.08
  const { width, height, left, right } = figure
  const floor = height - bottom
  const x = (at: number) => Math.round(left + ((at - from) / (to - from)) * (width - left - right))
  const y = (value: number) => Math.round(floor - (value / most) * (floor - top))
  const end = width - right
  const step = stepOf(most)
  const axis = Array.from({ length: Math.floor(most / step) + 1 }, (_, at) => at * step)
  const path = (points: readonly Point[], value: (point: Point) => number) =>
    points
      .map((point, at) =>
        at === 0
          ? `M${x(point.at)} ${floor}V${y(value(point))}`
          : `H${x(point.at)}V${y(value(point))}`
      )
      .join('') + `H${end}`
  const order = [...all].sort((a, b) => a.at - b.at)
  let highest = 0
  const union = order.map((point) => ({
    ...point,
    all: (highest = Math.max(highest, curve.sinceStart ? point.own : point.all))
  }))
  const shown = [...lines].slice(-mostLines)
  const ticks = Array.from({ length: 5 }, (_, at) => from + ((to - from) * at) / 4)
  const marked = order.filter(({ event }) => event.what in marks || event.count > 0)
  let lastLabel = -100
  const markOf = ({ at, event, ...point }: Point) => {
    const [px, py] = [x(at), y(curve.sinceStart ? point.own : point.all)]
    const isFirst = event.instance === order[0]?.event.instance
    const shape = event.what === 'start' && !isFirst ? marks['restart'] : marks[event.what]
    const hasRoom = px - lastLabel > 28
    if (event.count > 0 && hasRoom) lastLabel = px
    const label =
      event.count > 0 && hasRoom && !(event.what === 'start' && isFirst)
        ? html`<text x="${px}" y="${py - 10}" text-anchor="middle">+${event.count}</text>`
        : nothing
    return html`${shape?.(px, py) ?? nothing}${label}`
  }
  const label = (point: Point | undefined, index: number, id: string) =>
    point === undefined || right < 60
      ? nothing
      : html`<text x="${end + 8}" y="${Math.min(floor, y(seen) + 34 + index * 16)}">${point.own} ${shortName(id)}</text>`
  return html`<svg class="curve ${kind}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Distinct syscalls over time: ${seen} in all instances${curve.approved === undefined ? '' : `, ${curve.approved} approved`}">${axis.map((value) => html`<path class="ax${value === 0 ? ' base' : ''}" d="M${left} ${y(value)}H${end}"/><text x="${left - 6}" y="${y(value) + 4}" text-anchor="end">${value}</text>`)}${ticks.map((at, index) => html`<text x="${x(at)}" y="${height - 6}" text-anchor="${index === 0 ? 'start' : index === 4 ? 'end' : 'middle'}">${clockText(at - (curve.sinceStart ? from : 0), curve.sinceStart, to - from)}</text>`)}${
    curve.unseen === undefined
      ? nothing
      : html`<rect class="est" x="${end - 10}" y="${y(seen + curve.unseen.upper)}" width="20" height="${Math.max(2, y(seen) - y(seen + curve.unseen.upper))}"/>${right < 60 ? nothing : html`<text x="${end + 14}" y="${Math.max(12, y(seen + curve.unseen.upper) + 4)}">unseen: ${Math.floor(curve.unseen.lower)}–${Math.ceil(curve.unseen.upper)}</text>`}`
  }${
    curve.approved === undefined
      ? nothing
      : html`<path class="appr" d="M${left} ${y(curve.approved)}H${end}"/><text class="ap" x="${left + 6}" y="${y(curve.approved) - 5}">${curve.approved} allowed</text>`
  }${shown.map(([id, points], index) => html`<path class="in d${index + 1}" d="${path(points, ({ own }) => own)}"/>${label(points.at(-1), index, id)}`)}${curve.sinceStart ? nothing : html`<path class="un" d="${path(union, (point) => point.all)}"/>`}${marked.map(markOf)}${right < 60 ? nothing : html`<text class="on" x="${end + 8}" y="${y(seen) + 4 + 12}">${seen} all instances</text>`}</svg>`
}

/** The discovery curve: how the set grew, by clock or since each instance's start, and the same as a table. */
export function curveView(curve: Curve, rows: Markup): Markup {
  const any = curve.events.some(({ part, at }) => part === 'entry' && !Number.isNaN(Date.parse(at)))
  if (!any) {
    return empty(
      'Nothing was recorded since this hub began.',
      'Let an instance start while its node records: the curve grows with what it asks for.'
    )
  }
  const entries = [
    ['start', 'first start'],
    ['serve', 'serving'],
    ['probe', 'probe'],
    ['reload', 'reload'],
    ['restart', 'another start'],
    ['stop', 'stop']
  ] as const
  return html`<figure>${draw(curve, wide, 'wide')}${draw(curve, narrow, 'narrow')}<figcaption><ul class="legend">${entries.map(([name, word]) => html`<li><svg class="i" viewBox="0 0 14 14" aria-hidden="true">${marks[name]?.(7, 7) ?? nothing}</svg>${word}</li>`)}<li class="muted">${counted(curve.events.length, 'event')}</li></ul></figcaption></figure><details><summary>The same as a table</summary>${rows}</details>`
}
