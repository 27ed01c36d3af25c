import {
  radiusFigure,
  type RadiusSummary,
  radiusWords
} from '../../confinement/what-if/radius-words.js'
import { plainTimes } from '../model/plain-times.js'
import { bodyOf } from './actions.js'
import { type Answer, ask } from './api.js'
import { replaced } from './live.js'
import { newestAnswer } from './newest-answer.js'

/** The choice that an approval would make. */
interface Proposal {
  allow: unknown
  deny: unknown
}

interface Shown {
  /** Number of containers with denials; '–' while it is not known. */
  hit: string
  words: string
  /** The class of both. */
  tone: string
}

const tones = ['muted', 'ok', 'warn', 'bad'] as const

const settleMs = 200

function shownOf(answer: Answer | undefined): Shown {
  if (answer === undefined) return { hit: '–', words: 'Simulating what is ticked…', tone: 'muted' }
  if (!answer.ok) return { hit: '–', words: 'Not simulated: look at the evidence.', tone: 'warn' }
  const radius = answer.data as unknown as RadiusSummary & { syscalls?: { name: string }[] }
  const { syscalls = [] } = radius
  const { text, tone } = radiusFigure(radius)
  const names = syscalls.slice(0, 5).map(({ name }) => name)
  const calls = names.length === 0 ? [] : [`Calls: ${names.join(', ')}.`]
  return {
    ...{ hit: text, tone },
    words: plainTimes([...radiusWords(radius), ...calls].join(' '))
  }
}

/** Returns the choice of the ticks of a form. */
function ticked(form: HTMLFormElement): Proposal {
  const { allow = [], deny = [] } = bodyOf(form, null)
  return { allow, deny }
}

/** Asks what a proposal would have denied, after the page is shown, after each tick, and when the page has loaded itself again. */
export function startSimulation(): void {
  const place = document.querySelector<HTMLElement>('[data-simulate]')
  if (place === null) return
  const { simulate: profile, allow = '' } = place.dataset
  let proposal: Proposal = { allow: allow.split(' ').filter(Boolean), deny: [] }
  /** The answer to an older choice is not shown; one to the same choice is, until a newer one is there. */
  let isSame = false
  const simulate = newestAnswer(
    (asked: Proposal) => ask('POST', '/api/v1/simulate', { profile, proposal: asked }),
    (answer) => {
      if (answer === undefined && isSame) return
      const shown = shownOf(answer)
      const [number, words] = ['[data-simulate]', '[data-simulate-words]'].map((selector) =>
        document.querySelector(selector)
      )
      if (number) number.textContent = shown.hit
      if (words) words.textContent = shown.words
      for (const place of [number, words]) {
        place?.classList.remove(...tones)
        place?.classList.add(shown.tone)
      }
    }
  )
  void simulate(proposal)
  let wait: ReturnType<typeof setTimeout> | undefined
  document.addEventListener(replaced, () => {
    isSame = true
    void simulate(proposal)
  })
  document.addEventListener('change', (event) => {
    const field = event.target
    if (!(field instanceof HTMLInputElement) || field.type !== 'checkbox') return
    const { form } = field
    if (form === null || form.querySelector('[data-expect]') === null) return
    clearTimeout(wait)
    wait = setTimeout(() => {
      isSame = false
      proposal = ticked(form)
      void simulate(proposal)
    }, settleMs)
  })
}
