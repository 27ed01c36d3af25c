import { profileField } from '../model/rule-fields.js'
import { ask, failureText, showForce } from './api.js'
import { standing } from './fields.js'
import { leave, reloadRegions } from './live.js'

interface Selector {
  matchLabels?: Record<string, string>
  matchExpressions?: { key: string; operator: string; values?: string[] }[]
}

/** Splits at commas, and separates `key=value` from lone words. */
function partsOf(text: string): { pairs: [string, string][]; words: string[] } {
  const parts = text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
  const pairs = parts
    .filter((each) => each.includes('='))
    .map((each): [string, string] => {
      const [key = '', value = ''] = each.split(/==?/, 2)
      return [key.trim(), value.trim()]
    })
  return { pairs, words: parts.filter((each) => !each.includes('=')) }
}

function selectorOf(
  pairs: readonly [string, string][],
  matchExpressions: NonNullable<Selector['matchExpressions']>
): Selector | undefined {
  if (pairs.length === 0 && matchExpressions.length === 0) return undefined
  return {
    ...(pairs.length === 0 ? {} : { matchLabels: Object.fromEntries(pairs) }),
    ...(matchExpressions.length === 0 ? {} : { matchExpressions })
  }
}

/** Reads labels as kubectl does: a lone word requires the label with any value. */
function podSelector(text: string): Selector | undefined {
  const { pairs, words } = partsOf(text)
  return selectorOf(
    pairs,
    words.map((key) => ({ key, operator: 'Exists' }))
  )
}

/** Reads names of namespaces, and labels of namespaces. */
function namespaceSelector(text: string): Selector | undefined {
  const { pairs, words } = partsOf(text)
  const named =
    words.length === 0
      ? []
      : [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: words }]
  return selectorOf(pairs, named)
}

/** Returns the rule of a form, and its address. */
function ruleOf(form: HTMLFormElement): { url: string; spec: unknown; create: boolean } {
  const data = new FormData(form)
  const text = (name: string) => {
    const value = data.get(name)
    return typeof value === 'string' ? value.trim() : ''
  }
  const pods = podSelector(text('labels'))
  const namespaces = namespaceSelector(text('namespaces'))
  const containers = text('containers')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
  const [first = '', second] = text('profile').split('/', 2)
  const spec = {
    mode: text('mode'),
    whenNotReady: text('whenNotReady'),
    priority: Number(text('priority')),
    ...(pods === undefined ? {} : { podSelector: pods }),
    ...(namespaces === undefined ? {} : { namespaceSelector: namespaces }),
    ...(containers.length === 0 ? {} : { containers }),
    ...(first === ''
      ? {}
      : { profile: second === undefined ? { name: first } : { namespace: first, name: second } })
  }
  const [namespace, name] = [text('namespace'), text('name')]
  const url = `${form.dataset['url'] ?? ''}/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`
  // The rule of the form is replaced; any other one is nobody's intention.
  return { url, spec, create: form.dataset['rule'] !== `${namespace}/${name}` }
}

async function saveRule(form: HTMLFormElement): Promise<void> {
  const { url, spec, create } = ruleOf(form)
  const isForced = new FormData(form).get('force') === 'true'
  const answer = await ask('PUT', url, { spec, create, ...(isForced ? { force: true } : {}) })
  const here = standing(form)
  const error = here.querySelector('.form-error')
  if (answer.ok) {
    leave()
    location.assign('/rules')
    return
  }
  if (error !== null) error.textContent = failureText(answer.failure)
  showForce(here, answer.failure)
}

/** Asks for a profile where the chosen mode needs one. */
function followMode({ target }: Event): void {
  if (!(target instanceof HTMLSelectElement) || target.name !== 'mode') return
  if (target.form?.dataset['rule'] === undefined) return
  const field = target.form.querySelector<HTMLInputElement>('input[name=profile]')
  if (field !== null) Object.assign(field, profileField(target.value))
}

/** Starts the form of a rule and the test of a pod. Listeners are on the document, because live updates can replace the forms. */
export function startRules(): void {
  document.addEventListener('change', followMode)
  document.addEventListener('submit', (event) => {
    const form = event.target
    if (!(form instanceof HTMLFormElement)) return
    if (form.dataset['rule'] !== undefined) {
      event.preventDefault()
      void saveRule(form)
    } else if (form.dataset['test'] !== undefined) {
      const text = new FormData(form).get('document')
      // A long document does not fit into an address: the browser submits the form itself.
      if (typeof text !== 'string' || text.length > 8000) return
      event.preventDefault()
      const address = new URL('/rules', location.href)
      address.searchParams.set('document', text)
      void reloadRegions(address.href, 'answer')
    }
  })
}
