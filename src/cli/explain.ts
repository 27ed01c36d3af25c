import type { explain } from '../../webhook/truth/explain.js'
import { type Io, plain } from './io.js'
import { printObject } from './output.js'
import { fleetSearch } from './fleet-list.js'
import { type HubAccess, queryOf } from './hub-api.js'

type Explained = ReturnType<typeof explain>

function ask(hubs: readonly HubAccess[], name: string, namespace: string | undefined) {
  const path = `/api/v1/explain${queryOf({ name, namespace })}`
  return fleetSearch<Explained>(hubs, path, ({ container }) => container.key)
}

const ruleText = (rule: string): string => `rule ${rule === '' ? 'none' : rule}`

/** What the webhook did, as far as this hub heard of it or the pod tells: it may be another process. */
function webhookText({ answer, noted }: Pick<Explained, 'answer' | 'noted'>): string {
  if (answer !== null) {
    return `The webhook said at ${answer.at}: ${answer.decision} (${answer.reason}), ${ruleText(answer.rule)}.`
  }
  return noted === null
    ? 'The webhook left nothing on it, and this hub has no answer of the webhook about it.'
    : `The webhook noted on it: ${noted.outcome}, ${ruleText(noted.rule)}.`
}

/** `secco explain CONTAINER|POD`: why it has what it has, in words. */
export async function explainContainer(
  io: Io,
  hubs: readonly HubAccess[],
  name: string,
  options: { namespace: string | undefined; output: 'table' | 'json' | 'yaml' }
): Promise<number> {
  const items = await ask(hubs, name, options.namespace)
  if (options.output !== 'table') {
    printObject(io, options.output, items.length === 1 ? items[0] : items)
    return 0
  }
  for (const { words, ...one } of items) {
    for (const line of words) io.stdout(`${plain(line)}\n`)
    io.stdout(`${plain(webhookText(one))}\n\n`)
  }
  return 0
}

/** `secco why-eperm CONTAINER|POD`: which refused call it was, who asked, by which rule, and what to do. */
export async function whyEperm(
  io: Io,
  hubs: readonly HubAccess[],
  name: string,
  options: { namespace: string | undefined; output: 'table' | 'json' | 'yaml' }
): Promise<number> {
  const items = await ask(hubs, name, options.namespace)
  if (options.output !== 'table') {
    printObject(
      io,
      options.output,
      items.map(({ container, denials }) => ({ container, denials }))
    )
    return 0
  }
  for (const { container, denials, words, decision } of items) {
    const refused = denials.filter(({ expected }) => !expected)
    if (refused.length === 0) {
      io.stdout(
        `${plain(container.name)} on ${container.node}: no call was refused by seccomp; an EPERM has another cause (capabilities, file rights, an LSM).\n`
      )
      continue
    }
    for (const line of words.slice(-refused.length)) io.stdout(`${plain(line)}\n`)
    const by = decision.rule === '' ? 'its own configuration' : `rule ${decision.rule}`
    io.stdout(`It runs under ${plain(container.why)} (${plain(by)}).\n`)
  }
  return 0
}
