/** Markup that is already safe to send. Only `html` makes it. */
export interface Markup {
  readonly markup: string
}

type Part = string | number | Markup | readonly Markup[]

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;'
}

function render(part: Part): string {
  if (typeof part === 'number') return String(part)
  if (typeof part === 'string')
    return part.replace(/[&<>"']/g, (character) => entities[character] ?? character)
  if ('markup' in part) return part.markup
  return part.map((each) => each.markup).join('')
}

/** Tagged template that escapes every value put into it: names, labels and comms are attacker's text. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  const text = strings.reduce((whole, string, index) => {
    const part = parts[index]
    return whole + string + (part === undefined ? '' : render(part))
  }, '')
  return { markup: text }
}
