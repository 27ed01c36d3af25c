/** Matches a text whose last words are a command: nothing after it shows where the command ends. */
const commandAtEnd = /(?:^|[\s(])(?:secco|kubectl) [^`]*$/

/** Ends a text as a sentence. No full stop touches a command: a person would paste it, too. */
export function endedSentence(text: string): string {
  return commandAtEnd.test(text) || /[.!?]$/.test(text) ? text : `${text}.`
}

/** Names a container by its pod where it has one: a workload may have many on one node. */
export const containerOfPod = ({ name, pod = '' }: { name: string; pod?: string }): string =>
  pod === '' ? name : `container ${name} of pod ${pod}`
