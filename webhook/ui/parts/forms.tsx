import type { ComponentChildren, VNode } from 'preact'

/** Attributes of a text field, as HTML has them. */
interface TextAttributes {
  id?: string
  class?: string
  value?: string
  required?: boolean
  maxlength?: number
  placeholder?: string
  inputmode?: 'numeric'
}

/** A labelled text field. */
export function TextField(props: TextAttributes & { name: string; label: string }): VNode {
  const { label, ...attributes } = props
  return (
    <label class="field">
      {label}
      <input type="text" {...attributes} />
    </label>
  )
}

/** A text field under its label. */
export function NamedField(
  props: TextAttributes & { id: string; name: string; label: string }
): VNode {
  const { label, ...attributes } = props
  return (
    <div class="field">
      <label for={props.id}>{label}</label>
      <input type="text" {...attributes} />
    </div>
  )
}

/** A value that is sent without anybody seeing it. */
export function Hidden(props: { name: string; value: string; kind?: 'list' | 'boolean' }): VNode {
  return <input type="hidden" name={props.name} data-kind={props.kind} value={props.value} />
}

/** Where the browser writes what went wrong with a form. */
export function FormError(): VNode {
  return <p class="form-error" role="alert" />
}

/** The box that forces a change; the browser shows it once the API has said that force is needed. */
export function ForceIfAsked(): VNode {
  return (
    <label data-force hidden>
      <input type="checkbox" name="force" data-kind="boolean" value="true" /> Do it although a start
      under it can fail
    </label>
  )
}

/**
 * A form that the browser sends to the API as JSON (webhook/ui/browser/actions.ts). Its method matters where no script takes it
 * over: GET would write every field into the address, and from there into histories and logs.
 */
export function ActionForm(props: {
  url: string
  method?: 'PUT' | 'DELETE'
  /** Where to go after it: `reload`, or a path whose `:name` parts the answer fills. */
  then: string
  /** What a person has to type or confirm first. */
  confirm?: string
  /** It is tried first: the answer of the dry run shows the button that does it. */
  isTried?: boolean
  class?: string
  id?: string
  label?: string
  /** The name by which a `FormCommand` finds it. */
  command?: string
  children: ComponentChildren
}): VNode {
  return (
    <form
      id={props.id}
      class={props.class}
      method="post"
      data-action
      data-method={props.method}
      data-url={props.url}
      data-then={props.then}
      data-confirm={props.confirm}
      data-tried={props.isTried === true ? '' : undefined}
      data-command-form={props.command}
      aria-label={props.label}
    >
      {props.children}
    </form>
  )
}

/** The search field and filters of a list; it works without JavaScript. */
export function Filters(props: {
  label: string
  value: string
  placeholder: string
  action?: string
  children?: ComponentChildren
}): VNode {
  const { label, value, placeholder, action, children } = props
  return (
    <form class="filters" role="search" aria-label={label} method="get" action={action}>
      <label class="field">
        Search
        <input type="search" name="q" value={value} placeholder={placeholder} />
      </label>
      {children}
      <button class="btn" type="submit">
        Filter
      </button>
    </form>
  )
}

/** A labelled choice out of `[value, text]`. */
export function Choice(props: {
  label: string
  name: string
  chosen: string
  options: readonly (readonly [string, string])[]
}): VNode {
  const { label, name, chosen, options } = props
  return (
    <label class="field">
      {label}
      <select name={name}>
        {options.map(([value, text]) => (
          <option value={value} selected={value === chosen}>
            {text}
          </option>
        ))}
      </select>
    </label>
  )
}

/** The button that tries a change and shows whom it hits, of a form that `isTried`. */
export function TryButton(props: { class: string; children: ComponentChildren }): VNode {
  return (
    <button class={props.class} type="submit" name="dryRun" value="true" data-kind="boolean">
      {props.children}
    </button>
  )
}

/** Words that only a screen reader needs, after a short button text. */
export function Of({ what }: { what: string }): VNode {
  return <span class="vh"> {what}</span>
}
