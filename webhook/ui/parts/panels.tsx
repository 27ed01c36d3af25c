import { type ComponentChildren, createContext, type VNode } from 'preact'
import { useContext } from 'preact/hooks'
import { withOptionsInText } from '../../../src/lib/printed-commands.js'
import {
  commandParts,
  type FormKind,
  type FormValues,
  formCommand,
  placedCommand
} from '../model/form-commands.js'
import { plainTimes } from '../model/plain-times.js'
import type { Content } from './render.js'

/** A panel with a heading. With `body`, its children stand in a padded body of that class. */
export function Panel(props: {
  id: string
  title: Content
  note?: Content
  class?: string
  body?: '' | 'stack' | 'stack tight' | 'row'
  children?: ComponentChildren
}): VNode {
  const { id, title, note, body, children } = props
  return (
    <section class={['panel', props.class].join(' ').trim()} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {note !== undefined && <p>{note}</p>}
      </header>
      {body === undefined ? children : <div class={`body ${body}`.trim()}>{children}</div>}
    </section>
  )
}

/** The options with which the command line reaches the hub of the page, as a shell takes them; '' where it needs none. */
export const CommandOptions = createContext('')

/** Returns a command with these options after each `secco` in it. */
export function withOptions(text: string, options: string): string {
  return options === ''
    ? text
    : text.replace(/(^|\| )secco (?=[a-z])/g, (_, before: string) => `${before}secco ${options} `)
}

/** A sentence of Secco's own, whose commands reach the hub of the page. What people wrote does not belong here. */
export function Sentence({ text }: { text: string }): VNode {
  const secco = useContext(CommandOptions)
  return <>{plainTimes(withOptionsInText(text, { secco, kubectl: '' }))}</>
}

/** A command in running text, which reaches the hub of the page. */
export function InlineCommand({ text }: { text: string }): VNode {
  return <code class="nowrap">{withOptions(text, useContext(CommandOptions))}</code>
}

/** A command to copy that does the same as the page. A line breaks before an option, never within it. */
export function Command({ text }: { text: string }): VNode {
  const whole = withOptions(text, useContext(CommandOptions))
  return (
    <div class="cli">
      <CommandText text={whole} />
    </div>
  )
}

function CommandText({ text }: { text: string }): VNode {
  return (
    <>
      <pre>
        {commandParts(text).map((part) =>
          part.startsWith('-') ? <span class="word">{part}</span> : part
        )}
      </pre>
      <button class="btn s" type="button" data-copy>
        Copy
      </button>
    </>
  )
}

/** The command that does what a form does. The browser keeps it as the form is filled in (form-commands.ts). */
export function FormCommand(props: {
  kind: FormKind
  /** The `command` of the form. */
  of: string
  /** What the page knows and the form does not send. */
  known?: FormValues
  /** What the form has before anybody fills it in. */
  values: FormValues
}): VNode {
  const { kind, of, known = {}, values } = props
  const text = formCommand(kind, { ...known, ...values })
  return (
    <div
      class="cli"
      data-form-command={kind}
      data-of={of}
      data-known={JSON.stringify(known)}
      hidden={text === ''}
    >
      <CommandText text={placedCommand(text, useContext(CommandOptions))} />
    </div>
  )
}

/** The panel with the commands of the page. */
export function CommandPanel({ texts }: { texts: readonly string[] }): VNode {
  return (
    <Panel id="h-cli" title="The same on the command line" class="no-print" body="stack tight">
      {texts.map((text) => (
        <Command text={text} />
      ))}
    </Panel>
  )
}

/** Says why nothing is here, and the next step. */
export function Empty({ what, next }: { what: string; next: Content }): VNode {
  return (
    <div class="empty">
      <p class="strong">{what}</p>
      <p class="muted">{typeof next === 'string' ? <Sentence text={next} /> : next}</p>
    </div>
  )
}

/** The same in the place of a table. */
export function EmptyBody(props: { what: string; next: Content }): VNode {
  return (
    <div class="body">
      <Empty {...props} />
    </div>
  )
}

/** The same in the place of a panel. */
export function EmptyPanel(props: { what: string; next: Content }): VNode {
  return (
    <section class="panel">
      <EmptyBody {...props} />
    </section>
  )
}

/** Facts in two columns. */
export function Facts(props: { entries: readonly (readonly [string, Content])[] }): VNode {
  return (
    <dl class="facts2">
      {props.entries.map(([term, value]) => (
        <div>
          <dt>{term}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** One figure of a panel of figures, with its notes. */
export function Figure(props: { term: string; value: Content; note?: string }): VNode {
  return (
    <div>
      <dt>{props.term}</dt>
      <dd>{props.value}</dd>
      {props.note !== undefined && <dd>{props.note}</dd>}
    </div>
  )
}
