import {
  isHarmless,
  type RadiusSummary,
  radiusWords
} from '../../confinement/what-if/radius-words.js'
import { plainTimes } from '../model/plain-times.js'
import { bodyOf } from './actions.js'
import { type Answer, ask } from './api.js'
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
}

const settleMs = 200

function shownOf(answer: Answer | undefined): Shown {
  if (answer === undefined) return { hit: '–', words: 'Simulating what is ticked…' }
  if (!answer.ok) return { hit: '–', words: 'Not simulated: look at the evidence.' }
  const radius = answer.data as unknown as RadiusSummary & { syscalls?: { name: string }[] }
  const { hit, syscalls = [] } = radius
  const names = syscalls.slice(0, 5).map(({ name }) => name)
  const calls = names.length === 0 ? [] : [`Calls: ${names.join(', ')}.`]
  return {
    hit: hit > 0 || isHarmless(radius) ? String(hit) : 'not known',
    words: plainTimes([...radiusWords(radius), ...calls].join(' '))
  }
}

/** Asks what a proposal would have denied, after the page is shown and after each tick. */
export function startSimulation(): void {
  const place = document.querySelector<HTMLElement>('[data-simulate]')
  if (place === null) return
  const words = document.querySelector('[data-simulate-words]')
  const { simulate: profile, allow = '' } = place.dataset
  const simulate = newestAnswer(
    (proposal: Proposal) => ask('POST', '/api/v1/simulate', { profile, proposal }),
    (answer) => {
      const shown = shownOf(answer)
      place.textContent = shown.hit
      if (words !== null) words.textContent = shown.words
    }
  )
  void simulate({ allow: allow.split(' ').filter(Boolean), deny: [] })
  let wait: ReturnType<typeof setTimeout> | undefined
  document.addEventListener('change', (event) => {
    const field = event.target
    if (!(field instanceof HTMLInputElement) || field.type !== 'checkbox') return
    const { form } = field
    if (form === null || form.querySelector('[data-expect]') === null) return
    clearTimeout(wait)
    wait = setTimeout(() => {
      const { allow: ticked = [], deny = [] } = bodyOf(form, null)
      void simulate({ allow: ticked, deny })
    }, settleMs)
  })
}
