/** Splits a text at white space: a long list of names on few lines. */
export function words(text: string): readonly string[] {
  return text.trim().split(/\s+/)
}
