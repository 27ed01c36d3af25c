import type { JSX, VNode } from 'preact'
import { renderToString } from 'preact-render-to-string'

/** What a component takes as content. Text is escaped where it is rendered. */
export type Content = VNode | string | number | false | null | undefined | readonly Content[]

/** Controls and bidirectional marks: they would hide or reorder the text around them (CVE-2021-42574). */
const disturbing =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/**
 * Renders a component to HTML. Names, labels and comms are an attacker's text: the renderer escapes every value,
 * and what would reorder the text around it becomes U+FFFD.
 */
export function renderMarkup(node: JSX.Element): string {
  return renderToString(node).replace(disturbing, '\ufffd')
}
