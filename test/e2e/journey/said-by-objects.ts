import { quoted } from '../../../src/lib/shell-word.js'
import {
  commandsOfText,
  type ParseWords,
  readCommand,
  seccoParser
} from '../../helpers/printed-commands.js'
import { harmless } from './harmless.js'
import type { Way } from './way.js'

interface Said {
  items: {
    kind?: string
    metadata: { name: string }
    message?: string
    reportingComponent?: string
    status?: { conditions?: { type: string; message: string }[] }
  }[]
}

/** Returns the texts that conditions of profiles, rules and nodes have, and those of all events, by where they stand. */
async function textsOf({ cluster, namespace }: Way): Promise<Map<string, string>> {
  const own = `/apis/secco.dev/v1alpha1/namespaces/${namespace}`
  const texts = new Map<string, string>()
  for (const path of [`${own}/seccompprofiles`, `${own}/seccomprules`, '/api/v1/nodes']) {
    const { items } = (await cluster.kube.do('GET', path)) as unknown as Said
    for (const { metadata, status } of items)
      for (const { type, message } of status?.conditions ?? [])
        texts.set(`${type} of ${metadata.name}: ${message}`, message)
  }
  for (const space of [namespace, 'secco-system']) {
    const { items } = (await cluster.kube.do(
      'GET',
      `/api/v1/namespaces/${space}/events`
    )) as unknown as Said
    // Those of the kubelet name the container `secco`.
    for (const { message = '', reportingComponent = '' } of items)
      if (reportingComponent.startsWith('secco')) texts.set(`event: ${message}`, message)
  }
  return texts
}

let parser: Promise<ParseWords> | undefined

/**
 * Types each command that a condition or an event has, once for a person: as it is printed, or so that it changes nothing
 * (`harmless`). Returns how many texts were read.
 */
export async function typeSaidByObjects(way: Way, done: Set<string>): Promise<number> {
  const { t, person } = way
  const parse = await (parser ??= seccoParser())
  const texts = await textsOf(way)
  for (const [where, text] of texts) {
    for (const command of commandsOfText(text)) {
      const { program, rest } = command
      let line = `${program} ${rest.replace(/[.,:)]+$/, '')}`
      if (program === 'secco') {
        const { words, problem } = await readCommand(command, parse)
        if (words === undefined) {
          t.fail(`${where}: ${rest}: ${problem}`)
          continue
        }
        const isWhole = words.length === rest.trim().split(/\s+/).length
        if (!isWhole) line = `secco ${words.map(quoted).join(' ')}`
      }
      if (done.has(line)) continue
      done.add(line)
      const { added, why } = harmless(line)
      if (added !== '') t.comment(`${line}: run with ${added}: ${why}`)
      const typed = await person.run(`${line.replace(/WHY\b/, 'why')} ${added}`.trim())
      const isAnswer = typed.code === 1 && / diff /.test(line)
      t.ok(typed.code === 0 || isAnswer, `${where}: ${line}: ${typed.said}`)
    }
  }
  return texts.size
}
