/** `1 instance`, `2 instances`; `many` for words that do not end in s. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
