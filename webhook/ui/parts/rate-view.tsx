import type { VNode } from 'preact'
import { countText } from './format.js'

const [width, height] = [240, 40]

/** Calls per second of the last minute as a small chart. */
export function RateView({ rates }: { rates: readonly number[] }): VNode {
  const most = Math.max(...rates, 1)
  const x = (at: number) => Math.round((at / Math.max(1, rates.length - 1)) * width)
  const y = (rate: number) => Math.round((height - 2) * (1 - rate / most)) + 1
  const line = rates.map((rate, at) => `${at === 0 ? 'M' : 'L'}${x(at)} ${y(rate)}`).join('')
  return (
    <svg
      class="spark rate"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`at most ${countText(Math.round(most))} calls per second in the last minute`}
    >
      {line !== '' && <path d={line} />}
    </svg>
  )
}
