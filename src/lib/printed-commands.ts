/** PrintedOptions has, for each program, the options that say which installation is meant; '' for none. */
interface PrintedOptions {
  secco: string
  kubectl: string
  /** By verb of Secco: options that only this verb has, as of the folders of the program that prints. */
  verbs?: Readonly<Record<string, string>>
}

/** A command in a text, up to where it can end, or another one can begin. */
const command =
  /(^|[\s`'"(:])(secco(?= [a-z])|kubectl(?= [a-z-])) ((?:(?![\s'"(:](?:secco|kubectl) )[^`\n;|])*)/gm
/** What names its own place: another folder, or another machine. */
const isPlaced = /--(?:state|kubeconfig|clean)\b/
/** What is about the machine on which it runs: a cluster is none. */
const isOfMachine = /--node\b/
const isOfCluster = /--(?:kubeconfig|context|as)\b/
/** What comes before a command for another machine, or for another person. */
const isElsewhere = /\bon (?:its|the) node: $|\bask for the role [\w-]+, for example $/

/** Returns the options that a command does not have yet: one that it has says another place. */
function missingIn(rest: string, options: string): string {
  const named = new Set(rest.match(/--[a-z-]+/g))
  return options
    .split(/ (?=--[a-z])/)
    .filter((option) => !named.has(/^--[a-z-]+/.exec(option)?.[0] ?? ''))
    .join(' ')
}

/** Returns a text with a capital letter, as a sentence begins; a command or a name in backquotes keeps its own. */
export function capitalised(text: string): string {
  return /^(?:secco|kubectl) /.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1)
}

/**
 * Returns a name that a container chose, such as that of a process, for a sentence: neither a space in it nor the word after it
 * makes it a command, to which options would be added.
 */
export function foreignName(name: string): string {
  const one = name.replace(/\b(secco|kubectl) /g, '$1\\x20')
  return /\b(?:secco|kubectl)$/.test(one) ? `"${one}"` : one
}

/** Returns a text whose commands of Secco's and of kubectl name the installation, so that they work as printed. Pure. */
export function withOptionsInText(text: string, options: PrintedOptions): string {
  return text.replace(
    command,
    (whole: string, before: string, program: 'secco' | 'kubectl', rest: string, at: number) => {
      const { [program]: placing, verbs = {} } = options
      if (isPlaced.test(rest) || isElsewhere.test(text.slice(0, at) + before)) return whole
      if (isOfMachine.test(rest) && isOfCluster.test(placing)) return whole
      const [verb = ''] = /^[a-z-]+/.exec(rest) ?? []
      const isKnown = program === 'secco' && Object.hasOwn(verbs, verb)
      const own = isKnown ? missingIn(rest, verbs[verb] ?? '') : ''
      const words = [placing, verb, own].filter((word) => word !== '').join(' ')
      return `${before}${program} ${words}${rest.slice(verb.length)}`
    }
  )
}
