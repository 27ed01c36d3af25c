/** Matches a text whose last words are a command: nothing after it shows where the command ends. */
const commandAtEnd = /(?:^|[\s(])(?:secco|kubectl) [^`]*$/

/** Ends a text as a sentence. No full stop touches a command: a person would paste it, too. */
export function endedSentence(text: string): string {
  return commandAtEnd.test(text) || /[.!?]$/.test(text) ? text : `${text}.`
}
