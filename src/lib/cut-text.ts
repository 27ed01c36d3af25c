/**
 * Returns the first characters of a text, in memory of their own: what slice() returns keeps the whole text in memory,
 * which matters where a peer chose the text and a part of it is kept.
 */
export function cutText(text: string, most: number): string {
  if (text.length <= most) return text
  return Buffer.from(text.slice(0, most), 'utf16le').toString('utf16le')
}
