import type { VNode } from 'preact'
import { rootNamespace } from '../../../src/api/names.js'
import {
  type LabelSelector,
  modes,
  namedProfileText,
  type SeccompRule,
  whenNotReadyChoices
} from '../../../src/api/seccomp-rule.js'
import { capitalised } from '../../../src/lib/printed-commands.js'
import { profileField } from '../model/rule-fields.js'
import { ForceIfAsked } from './forms.js'
import { Sentence } from './panels.js'

const namespaceName = 'kubernetes.io/metadata.name'

/** Fields of the form as text. */
interface Fields {
  namespace: string
  name: string
  labels: string
  namespaces: string
  containers: string
  mode: string
  profile: string
  whenNotReady: string
  priority: string
}

const blank: Fields = {
  ...{ namespace: rootNamespace, name: '', labels: '', namespaces: '', containers: '' },
  ...{ mode: 'learn', profile: '', whenNotReady: 'RuntimeDefault', priority: '0' }
}

/** Formats a selector for the form; undefined for one that the form cannot express. */
function typed(
  selector: LabelSelector | undefined,
  wordsOf: (one: NonNullable<LabelSelector['matchExpressions']>[number]) => string[] | undefined
): string | undefined {
  const pairs = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`)
  const words = (selector?.matchExpressions ?? []).map(wordsOf)
  if (words.includes(undefined)) return undefined
  return [...pairs, ...words.flatMap((each) => each ?? [])].join(', ')
}

/** Returns the fields of a rule; undefined where the form would lose a part of it. */
export function fieldsOf({ metadata, spec }: SeccompRule): Fields | undefined {
  const labels = typed(spec.podSelector, ({ key, operator }) =>
    operator === 'Exists' ? [key] : undefined
  )
  const namespaces = typed(spec.namespaceSelector, ({ key, operator, values = [] }) =>
    key === namespaceName && operator === 'In' ? values : undefined
  )
  if (labels === undefined || namespaces === undefined || spec.images !== undefined)
    return undefined
  const { name, namespace } = spec.profile ?? {}
  return {
    ...{ labels, namespaces, mode: spec.mode, priority: String(spec.priority ?? 0) },
    ...{ name: metadata.name, namespace: metadata.namespace ?? rootNamespace },
    containers: spec.containers?.join(', ') ?? '',
    profile: name === undefined ? '' : namespace === undefined ? name : `${namespace}/${name}`,
    whenNotReady: spec.whenNotReady ?? 'RuntimeDefault'
  }
}

const option = (value: string, chosen: string) => (
  <option selected={value === chosen}>{value}</option>
)

/** Returns the fields of a new rule that an address fills in; undefined without any. */
export function fieldsIn(query: Readonly<Record<string, string | undefined>>): Fields | undefined {
  const { profile, labels = '', namespace = rootNamespace, name = '', mode = 'enforce' } = query
  if (profile === undefined) return undefined
  return { ...blank, ...{ namespace, name, labels, mode, profile } }
}

/** Attributes of a text field of the form. */
interface TextAttributes {
  required?: boolean
  'aria-describedby'?: string
  maxlength?: number
  placeholder?: string
  inputmode?: 'numeric'
}

/** Returns the attributes of the profile's field: only a rule that learns needs none. See followMode() of the browser. */
function profileAttributes(mode: string): TextAttributes {
  const { required, placeholder } = profileField(mode)
  return { required, placeholder, 'aria-describedby': 'own-profile' }
}

/** A new rule, or the change of one that exists. */
export function RuleForm(props: {
  rule: Fields | undefined
  /** What the form of a new rule has in it. */
  filled?: Fields | undefined
}): VNode {
  const { rule, filled = blank } = props
  const fields = rule ?? filled
  const text = (name: keyof Fields, word: string, more: TextAttributes) => (
    <label class="field">
      {word}
      <input type="text" name={name} value={fields[name]} {...more} />
    </label>
  )
  // What is saved under another name would be a new rule.
  const changed = rule === undefined ? '' : `${rule.namespace}/${rule.name}`
  const title = rule === undefined ? 'New rule' : `Change ${rule.name}`
  return (
    <section class="panel" id="new" aria-labelledby="h-new">
      <header>
        <h2 id="h-new">{title}</h2>
        <p>labels pick pods; the first rule per container wins</p>
      </header>
      <form class="body stack" method="post" data-rule={changed} data-url="/api/v1/rules">
        <div class="fields">
          {text('namespace', 'Namespace', { required: true, maxlength: 63 })}
          {text('name', 'Name', { required: true, maxlength: 253, placeholder: 'web' })}
          {text('labels', 'Pod labels', { placeholder: 'app=web, tier=front' })}
          {text('namespaces', 'Namespaces (root only)', { placeholder: 'all; or shop, team=web' })}
          {text('containers', 'Containers', { placeholder: 'all' })}
          <label class="field">
            Mode<select name="mode">{modes.map((mode) => option(mode, fields.mode))}</select>
          </label>
          {text('profile', 'Profile', profileAttributes(fields.mode))}
          <label class="field">
            When not ready
            <select name="whenNotReady">
              {whenNotReadyChoices.map((each) => option(each, fields.whenNotReady))}
            </select>
          </label>
          {text('priority', 'Priority', { inputmode: 'numeric' })}
        </div>
        <p class="small muted" id="own-profile">
          <Sentence text={capitalised(`${namedProfileText}.`)} />
        </p>
        <ForceIfAsked />
        <p class="form-error" role="alert"></p>
        <div class="row">
          <button class="btn primary" type="submit">
            Save the rule
          </button>
          {rule !== undefined && (
            <a class="btn" href="/rules">
              Leave it as it is
            </a>
          )}
        </div>
      </form>
    </section>
  )
}
