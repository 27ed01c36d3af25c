import type { VNode } from 'preact'
import { endKind, endWord } from '../../../src/history/endings.js'
import {
  type Curve,
  type Figure,
  labelPlaces,
  narrow,
  pathOf,
  type Plot,
  plotOf,
  shortName,
  stepOf,
  tickText,
  wide
} from '../model/curve.js'
import { counted } from './format.js'
import { Empty } from './panels.js'

const mostLines = 5

const marks: Readonly<Record<string, (x: number, y: number) => VNode>> = {
  start: (x, y) => <path class="mk f" d={`M${x - 4} ${y - 5}l9 5-9 5z`} />,
  found: (x, y) => <path class="mk" d={`M${x - 4} ${y - 5}l9 5-9 5z`} />,
  probe: (x, y) => <path class="mk" d={`M${x} ${y - 6}l6 6-6 6-6-6z`} />,
  reload: (x, y) => <path class="mk" d={`M${x - 5} ${y - 5}h10v10h-10z`} />,
  restart: (x, y) => <path class="mk f" d={`M${x} ${y - 6}l6 11h-12z`} />,
  serve: (x, y) => <circle class="mk" cx={x} cy={y} r="5" />,
  stop: (x, y) => <path class="mk" d={`M${x - 5} ${y}h10M${x} ${y - 5}v10`} />,
  killed: (x, y) => <path class="mk" d={`M${x - 5} ${y - 5}l10 10M${x + 5} ${y - 5}l-10 10`} />,
  ended: (x, y) => <path class="mk" d={`M${x} ${y - 6}v12`} />
}

function Axes({ plot }: { plot: Plot }): VNode {
  const { curve, figure, most, from, to, end, roomy, x, y } = plot
  const step = stepOf(most)
  const values = Array.from({ length: Math.floor(most / step) + 1 }, (_, at) => at * step)
  const parts = roomy ? 4 : 2
  const ticks = Array.from({ length: parts + 1 }, (_, at) => from + ((to - from) * at) / parts)
  const anchorOf = (at: number) => (at === 0 ? 'start' : at === parts ? 'end' : 'middle')
  return (
    <>
      {values.map((value) => (
        <>
          <path class={value === 0 ? 'ax base' : 'ax'} d={`M${figure.left} ${y(value)}H${end}`} />
          <text x={figure.left - 6} y={y(value) + 4} text-anchor="end">
            {value}
          </text>
        </>
      ))}
      {ticks.map((at, index) => (
        <text x={x(at)} y={figure.height - 6} text-anchor={anchorOf(index)}>
          {tickText(at - (curve.sinceStart ? from : 0), curve.sinceStart, to - from)}
        </text>
      ))}
    </>
  )
}

/** The estimate of what nobody saw yet, at the right end above the curve. */
function UnseenMark({ plot }: { plot: Plot }): VNode | null {
  const { curve, seen, end, roomy, y } = plot
  if (curve.unseen === undefined) return null
  const { lower, upper } = curve.unseen
  const high = y(seen + upper)
  return (
    <>
      <rect class="est" x={end - 10} y={high} width="20" height={Math.max(2, y(seen) - high)} />
      {roomy && (
        <text x={end + 14} y={labelPlaces(plot, shownLines(plot).length).unseen}>
          unseen: {Math.floor(lower)}–{Math.ceil(upper)}
        </text>
      )}
    </>
  )
}

function ApprovedLine({ plot }: { plot: Plot }): VNode | null {
  const { curve, figure, end, y } = plot
  if (curve.approved === undefined) return null
  const level = y(curve.approved)
  return (
    <>
      <path class="appr" d={`M${figure.left} ${level}H${end}`} />
      <text class="ap" x={figure.left + 6} y={level - 5}>
        {curve.approved} allowed
      </text>
    </>
  )
}

const shownLines = ({ lines }: Plot) => [...lines].slice(-mostLines)

/** One line for each of the newest instances. */
function InstanceLines({ plot }: { plot: Plot }): VNode {
  const { end, roomy } = plot
  const lines = shownLines(plot)
  const { instance } = labelPlaces(plot, lines.length)
  return (
    <>
      {lines.map(([id, points], index) => (
        <>
          <path class={`in d${index + 1}`} d={pathOf(plot, points, ({ own }) => own)} />
          {roomy && (
            <text x={end + 8} y={instance(index)}>
              {points.at(-1)?.own ?? 0} {shortName(id)}
            </text>
          )}
        </>
      ))}
    </>
  )
}

/** The line of all instances together. It has no meaning over the time since each start. */
function UnionLine({ plot }: { plot: Plot }): VNode | null {
  if (plot.curve.sinceStart) return null
  let highest = 0
  const union = plot.order.map((point) => ({
    ...point,
    all: (highest = Math.max(highest, point.all))
  }))
  const last = union.at(-1)
  if (last === undefined) return null
  const points = [...union, { ...last, at: plot.to, all: plot.seen }]
  return <path class="un" d={pathOf(plot, points, ({ all }) => all)} />
}

/** Shapes of events on the curve, with the number of new syscalls where there is room for it. */
function EventMarks({ plot }: { plot: Plot }): VNode {
  const { curve, order, x, y } = plot
  let lastLabel = -100
  const views = order
    .filter(({ event }) => endKind(event.what) in marks || event.count > 0)
    .map(({ at, event, own, all }) => {
      const [px, py] = [x(at), y(curve.sinceStart ? own : all)]
      const isFirst = event.instance === order[0]?.event.instance
      const isStart = event.what === 'start'
      const shape = isStart && !isFirst ? marks['restart'] : marks[endKind(event.what)]
      const labelled = event.count > 0 && px - lastLabel > 28
      if (labelled) lastLabel = px
      return (
        <>
          {shape?.(px, py)}
          {labelled && !(isStart && isFirst) && (
            <text x={px} y={py - 10} text-anchor="middle">
              +{event.count}
            </text>
          )}
        </>
      )
    })
  return <>{views}</>
}

function CurveFigure(props: { curve: Curve; figure: Figure; kind: string }): VNode {
  const plot = plotOf(props.curve, props.figure)
  const { curve, figure, seen, end, roomy } = plot
  const approved = curve.approved === undefined ? '' : `, ${curve.approved} allowed`
  return (
    <svg
      class={`curve ${props.kind}`}
      viewBox={`0 0 ${figure.width} ${figure.height}`}
      role="img"
      aria-label={`Distinct syscalls over time: ${seen} in all instances${approved}`}
    >
      <Axes plot={plot} />
      <UnseenMark plot={plot} />
      <ApprovedLine plot={plot} />
      <InstanceLines plot={plot} />
      <UnionLine plot={plot} />
      <EventMarks plot={plot} />
      {roomy && (
        <text class="on" x={end + 8} y={labelPlaces(plot, shownLines(plot).length).all}>
          {seen} all instances
        </text>
      )}
    </svg>
  )
}

/** How the set of syscalls grew, by clock or since each instance's start, as curve and as table. */
export function CurveView({ curve, rows }: { curve: Curve; rows: VNode }): VNode {
  const any = curve.events.some(({ part, at }) => part === 'entry' && !Number.isNaN(Date.parse(at)))
  if (!any) {
    return (
      <Empty
        what="Nothing was recorded since this hub began."
        next="Let an instance start while its node records: the curve grows with its calls."
      />
    )
  }
  const entries = [
    ['start', 'first start'],
    ['found', 'first seen while it ran'],
    ['serve', 'serving'],
    ['probe', 'probe'],
    ['reload', 'reload'],
    ['restart', 'another start'],
    ['stop', 'stop'],
    ['killed', 'killed'],
    ['ended', endWord('ended')]
  ] as const
  return (
    <>
      <figure>
        <CurveFigure curve={curve} figure={wide} kind="wide" />
        <CurveFigure curve={curve} figure={narrow} kind="narrow" />
        <figcaption>
          <ul class="legend">
            {entries.map(([name, word]) => (
              <li>
                <svg class="i" viewBox="0 0 14 14" aria-hidden="true">
                  {marks[name]?.(7, 7) ?? null}
                </svg>
                {word}
              </li>
            ))}
            <li class="muted">{counted(curve.events.length, 'event')}</li>
          </ul>
        </figcaption>
      </figure>
      <details>
        <summary>The same as a table</summary>
        {rows}
      </details>
    </>
  )
}
