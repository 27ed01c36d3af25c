import { Command } from 'commander'
import { withOptionsInText } from '../../src/lib/printed-commands.js'
import { quoted } from '../../src/lib/shell-word.js'
import type { Io } from './io.js'
import { rootOptions } from './node-roots.js'
import { statePaths } from './state.js'

/** Options of kubectl, and of Secco, that say which installation is meant. A next command without them would ask another one. */
const placing = {
  kubectl: ['kubeconfig', 'context', 'as'],
  secco: ['state', 'kubeconfig', 'context', 'as']
} as const
type Program = keyof typeof placing

/** The options of a command that its next commands need. */
interface Given extends Record<Program, string> {
  /** By verb: where the program of this machine works. */
  verbs: Readonly<Record<string, string>>
}

type Values = Partial<Record<(typeof placing.secco)[number] | 'seccompRoot', string>> & {
  runcRoot?: string[]
}

/** Returns what the arguments have of these options; undefined where commander will say what is wrong with them. */
function valuesOf(argv: readonly string[]): Values | undefined {
  const end = argv.indexOf('--')
  const scout = new Command().allowUnknownOption()
  for (const name of [...placing.secco, 'seccomp-root']) scout.option(`--${name} <value>`)
  const collect = (value: string, before: string[] | undefined) => [...(before ?? []), value]
  scout.option('--runc-root <value>', '', collect)
  try {
    scout.exitOverride().configureOutput({ writeErr: () => undefined })
    scout.parseOptions(argv.slice(0, end < 0 ? undefined : end))
    return scout.opts<Values>()
  } catch {
    return undefined
  }
}

/**
 * Returns the options that say which installation is meant, as a shell takes them; '' where a program has none of them. What
 * the environment says counts as given: a command is also pasted where it says something else.
 */
export function givenOptions(argv: readonly string[], env: Io['env'] = {}): Given {
  const given = valuesOf(argv)
  if (given === undefined) return { kubectl: '', secco: '', verbs: {} }
  const kubeconfig = given.kubeconfig ?? env['SECCO_KUBECONFIG']
  const isCluster = [kubeconfig, given.context, given.as].some((one) => one !== undefined)
  const textOf = (program: Program): string =>
    placing[program]
      .flatMap((name) => {
        const value = name === 'kubeconfig' ? kubeconfig : given[name]
        // Secco's word for the rights of its own pod.
        const isOwn = program === 'kubectl' && value === 'in-cluster'
        return value !== undefined && !isOwn ? [`--${name} ${quoted(value)}`] : []
      })
      .join(' ')
  const isOfEnv = given.state === undefined && !isCluster && env['SECCO_STATE'] !== undefined
  const state = isOfEnv ? statePaths({ env }, undefined, process.getuid?.() ?? -1).option : ''
  const roots = rootOptions(given)
  const seccompRoot = rootOptions({ seccompRoot: given.seccompRoot })
  return {
    kubectl: textOf('kubectl'),
    secco: [textOf('secco'), state].filter((one) => one !== '').join(' '),
    verbs: { up: roots, satellite: roots, doctor: seccompRoot }
  }
}

/** A line of standard output that is a command, has one in backquotes or after a colon, or says what to do next. */
const isNext = /^(?:secco |kubectl )|(?:\b|m)next: |^(?!Usage: ).*(?:: |`)(?:secco|kubectl) [a-z-]/i
/** What a program reads: data stays as it is. */
const isData = /^(?:-o|--output=?)(?:json|yaml|name)/

/** Returns an io that prints commands of Secco's and of kubectl with the options that were given, so that they work as printed. */
export function withGivenOptions(io: Io, argv: readonly string[]): Io {
  const options = givenOptions(argv, io.env)
  if ([options.secco, ...Object.values(options.verbs)].every((one) => one === '')) return io
  const forProgram = argv.some((one, at) => isData.test(`${one}${argv[at + 1] ?? ''}`))
  return {
    ...io,
    stderr: (text) => io.stderr(withOptionsInText(text, options)),
    stdout: (text) =>
      forProgram
        ? io.stdout(text)
        : io.stdout(
            text
              .split('\n')
              .map((line) => (isNext.test(line) ? withOptionsInText(line, options) : line))
              .join('\n')
          )
  }
}
