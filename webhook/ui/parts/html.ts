/** Markup that is already safe to send. Only `html` makes it. */
export interface Markup {
  readonly markup: string
}

export type Part = string | number | Markup | readonly Markup[] | undefined | false

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;'
}

/** What would reorder or hide the text around it: controls, and the marks of bidirectional text. */
const disturbing =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

function render(part: Part): string {
  if (part === undefined || part === false) return ''
  if (typeof part === 'number') return String(part)
  if (typeof part === 'string') {
    return part
      .replace(disturbing, '\ufffd')
      .replace(/[&<>"']/g, (character) => entities[character] ?? character)
  }
  if ('markup' in part) return part.markup
  return part.map((each) => each.markup).join('')
}

/**
 * Tagged template that escapes every value put into it: names, labels and comms are attacker's text.
 * Nothing (`undefined`, `false`) renders as nothing.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  const text = strings.reduce(
    (whole, string, index) => whole + string + (index < parts.length ? render(parts[index]) : ''),
    ''
  )
  return { markup: text }
}

export const nothing: Markup = html``
