import { quoted } from '../../src/lib/shell-word.js'
import { plain } from './io.js'

/**
 * Returns what to wait for before workloads are rolled: until every node and every replica of the webhook has the revision,
 * new pods can get the one before. kubectl compares the generation that the condition is about, so it does not stop at the
 * Ready of the revision before.
 */
export function readyWait(namespace: string, names: readonly string[]): string {
  const all = names.map((name) => `seccompprofiles.secco.dev/${quoted(name)}`).join(' ')
  const what = `${all} -n ${quoted(namespace)}`
  const it = names.length === 1 ? 'it' : 'them'
  const until = `every node has ${it} and every webhook replica serves ${it}`
  return `first wait until ${until}: ${plain(`kubectl wait --for=condition=Ready ${what}`)}`
}
