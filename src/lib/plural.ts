/** `1 instance`, `2 instances`; `many` for words that do not end in s. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

/** Returns the first of some names, and how many more there are: `a, b and 12 more`. @param count of all, where only the first are given */
export function listed(names: readonly string[], most: number, count = names.length): string {
  const shown = names.slice(0, most).join(', ')
  return count > most ? `${shown} and ${count - most} more` : shown
}
