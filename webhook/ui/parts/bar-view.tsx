import type { VNode } from 'preact'
import { type ConfinementState, states, stateWords } from '../../../src/confinement/state.js'
import { StateMark } from './marks.js'

const width = 840

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
    const size = total === 0 ? 0 : Math.round((counts[state] / total) * width)
    const from = end
    end += size
    return size === 0 ? null : <Part state={state} from={from} size={size} />
  })
  const words = states.map((state) => `${counts[state]} ${stateWords[state]}`).join(', ')
  return (
    <>
      <svg
        class="bar"
        viewBox={`0 0 ${width} 24`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${total} ${what}: ${words}`}
      >
        {total === 0 ? <rect class="m-not-protectable" width={width} height="24" /> : parts}
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
