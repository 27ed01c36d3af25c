import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { writeDurable } from '../../src/lib/durable-file.js'
import { quoted, unquotedWords } from '../../src/lib/shell-word.js'

/** NodeRoots is where `secco up`, or a satellite, works on this machine: verbs on the same state folder look there, too. */
export interface NodeRoots {
  seccompRoot: string
  runcRoots: readonly string[]
  /** The options with which `secco up` was started, as a shell takes them; '' without. */
  options: string
}

/** The file, as of the paths of a state folder. */
interface Place {
  nodeRoots: string
}

/** Returns the options that name these roots, as a shell takes them; '' for those that programs use by themselves. */
export function rootOptions(given: {
  seccompRoot?: string | undefined
  runcRoot?: readonly string[] | undefined
}): string {
  const { seccompRoot, runcRoot = [] } = given
  return [
    ...(seccompRoot === undefined ? [] : [`--seccomp-root ${quoted(resolve(seccompRoot))}`]),
    ...runcRoot.map((root) => `--runc-root ${quoted(resolve(root))}`)
  ].join(' ')
}

/** Writes where the program works that starts. A verb that does not find it uses what is usual. */
export function writeNodeRoots(paths: Place, roots: NodeRoots): Promise<void> {
  const { seccompRoot, runcRoots, options } = roots
  const whole = {
    ...{ seccompRoot: resolve(seccompRoot), options },
    runcRoots: runcRoots.map((root) => resolve(root))
  }
  return writeDurable(paths.nodeRoots, `${JSON.stringify(whole)}\n`)
}

/** Returns the options of a file: they go into a command, and the file can say anything. '' for another text. */
function optionsIn(text: string): string {
  const given: { seccompRoot?: string; runcRoot: string[] } = { runcRoot: [] }
  const words = unquotedWords(text) ?? []
  for (let at = 0; at < words.length; at += 2) {
    const [option, value = ''] = words.slice(at, at + 2)
    if (value === '') return ''
    if (option === '--seccomp-root') given.seccompRoot = value
    else if (option === '--runc-root') given.runcRoot.push(value)
    else return ''
  }
  return rootOptions(given)
}

const isText = (value: unknown): value is string => typeof value === 'string'

/** Reads where the program on this state folder works, or worked last; undefined where none is known. */
export async function readNodeRoots(paths: Place): Promise<NodeRoots | undefined> {
  try {
    const read = JSON.parse(await readFile(paths.nodeRoots, 'utf8')) as Record<string, unknown>
    const { seccompRoot, runcRoots, options } = read
    if (!isText(seccompRoot) || !isText(options) || !Array.isArray(runcRoots)) return undefined
    return { seccompRoot, options: optionsIn(options), runcRoots: runcRoots.filter(isText) }
  } catch {
    return undefined
  }
}
