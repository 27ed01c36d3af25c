import type { ComponentChildren, VNode } from 'preact'

/** Shapes that name a state without its colour: the ladder, the fleet's states, verdicts. */
export type Shape =
  | 'learn'
  | 'audit'
  | 'enforce'
  | 'unconfined'
  | 'default'
  | 'none'
  | 'drift'
  | 'yes'
  | 'open'
  | 'tri'
  | 'x'

function Outline(props: { d: string; width: string }): VNode {
  return <path d={props.d} fill="none" stroke="currentColor" stroke-width={props.width} />
}

function Ring(props: { r: string; width: string; dashes?: string }): VNode {
  const { r, width, dashes } = props
  const line = { stroke: 'currentColor', 'stroke-width': width, 'stroke-dasharray': dashes }
  return <circle cx="7" cy="7" r={r} fill="none" {...line} />
}

function Symbol(props: { id: Shape; children: ComponentChildren }): VNode {
  return (
    <symbol id={props.id} viewBox="0 0 14 14">
      {props.children}
    </symbol>
  )
}

/** Every shape, once a page; `Icon` refers to them. */
export function Symbols(): VNode {
  return (
    <svg width="0" height="0" class="vh" aria-hidden="true" focusable="false">
      <symbol id="logo" viewBox="0 0 20 20">
        <Outline d="M10 1 18 4v6c0 5-3.600 7.900-8 9-4.400-1.100-8-4-8-9V4z" width="1.800" />
        <path d="M6 7.500h8M6 10.500h5M6 13.500h2" stroke="currentColor" stroke-width="1.800" />
      </symbol>
      <Symbol id="learn">
        <Ring r="5.500" width="2" dashes="3 1.600" />
      </Symbol>
      <Symbol id="audit">
        <Ring r="5.500" width="2" />
        <path d="M7 1.500a5.500 5.500 0 0 0 0 11z" />
      </Symbol>
      <Symbol id="enforce">
        <circle cx="7" cy="7" r="6.500" />
      </Symbol>
      <Symbol id="unconfined">
        <path d="M2.500 2.500l9 9M11.500 2.500l-9 9" stroke="currentColor" stroke-width="2.500" />
      </Symbol>
      <Symbol id="default">
        <Outline d="M2 2h10v10H2z" width="2" />
      </Symbol>
      <Symbol id="none">
        <path d="M1.500 7h11" stroke="currentColor" stroke-width="2.500" />
      </Symbol>
      <Symbol id="drift">
        <Outline d="M1 5h12M1 9.500h12M10 1 4.500 13" width="1.800" />
      </Symbol>
      <Symbol id="yes">
        <Outline d="M2 7.500l3.500 3.500L12 3.500" width="2.200" />
      </Symbol>
      <Symbol id="open">
        <Ring r="5" width="1.600" dashes="2.500 1.800" />
      </Symbol>
      <Symbol id="tri">
        <path d="M7 1.500 13.500 12.500H.5z" />
      </Symbol>
      <Symbol id="x">
        <Outline d="M1 1h12v12H1z" width="1.600" />
        <path d="M4 4l6 6M10 4l-6 6" stroke="currentColor" stroke-width="1.800" />
      </Symbol>
    </svg>
  )
}

/** A shape beside its word. It is for eyes only: the word says the same. */
export function Icon(props: { name: Shape; tone?: '' | 'ok' | 'warn' | 'bad' | 'acc' }): VNode {
  const { name, tone = '' } = props
  return (
    <svg class={`i ${tone}`} aria-hidden="true">
      <use href={`#${name}`} />
    </svg>
  )
}
