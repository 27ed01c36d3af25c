import { quoted } from '../../../src/lib/shell-word.js'

/** FormValues is what a form sends to its endpoint, with what the page knows beside it. */
export type FormValues = Readonly<Record<string, unknown>>

const textOf = (value: unknown): string => (typeof value === 'string' ? value.trim() : '')
const wordsOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [])

/** Returns the reason as a word of a command: WHY where none is entered yet. */
const reasonOf = ({ reason }: FormValues): string =>
  textOf(reason) === '' ? 'WHY' : quoted(textOf(reason))

/** `isRisky`: the step is rejected without --force. A command that is shown works as it is, whatever is ticked. */
const forceOf = ({ force, isRisky, mode }: FormValues): string =>
  force === true || (isRisky === true && mode !== 'audit') ? ' --force' : ''

function promoteCommand(values: FormValues): string {
  const { profile, mode, canary, quietFor } = values
  const share =
    typeof canary === 'number' && canary < 100
      ? ` --canary ${canary}% --quiet-for ${textOf(quietFor)}`
      : ''
  return `secco promote ${textOf(profile)} ${textOf(mode)}${share}${forceOf(values)} --reason ${reasonOf(values)}`
}

const rollbackCommand = (values: FormValues): string =>
  `secco rollback ${textOf(values['profile'])} --reason ${reasonOf(values)}`

/** Until what is blocked and why are entered, the command only shows what an example reaches. */
function blockCommand(values: FormValues): string {
  const [what, reason] = [textOf(values['what']), textOf(values['reason'])]
  const call = what === '' ? 'socket:domain=AF_ALG' : quoted(what)
  const dry = what === '' || reason === '' ? ' --dry-run' : ''
  return `secco block ${call} --reason ${reasonOf(values)}${dry}`
}

function callsCommand(values: FormValues): string {
  const option = (name: string) => {
    const calls = wordsOf(values[name])
    return calls.length === 0 ? '' : ` --${name} ${calls.map(quoted).join(',')}`
  }
  const decisions = `${option('allow')}${option('deny')}`
  if (decisions === '') return ''
  return `secco profile call ${textOf(values['profile'])}${decisions}${forceOf(values)} --reason ${reasonOf(values)}`
}

/**
 * `all` is how many calls the verb that approves everything observed would add; it never adds those of `named`.
 * A stale approval is replaced by that verb alone,
 * for the other one changes single calls of what is approved.
 */
function approveCommand(values: FormValues): string {
  const { profile, all, isStale, allow, deny } = values
  const named = wordsOf(values['named'])
  const isAll =
    wordsOf(allow).length === all &&
    wordsOf(deny).length === 0 &&
    !wordsOf(allow).some((call) => named.includes(call))
  if (isAll && (isStale === true || wordsOf(allow).length > 0))
    return `secco profile approve ${textOf(profile)}${forceOf(values)} --reason ${reasonOf(values)}`
  return isStale === true ? '' : callsCommand(values)
}

const commands = {
  promote: promoteCommand,
  rollback: rollbackCommand,
  block: blockCommand,
  calls: callsCommand,
  approve: approveCommand
}

/** The forms that have a command. */
export type FormKind = keyof typeof commands

const isKind = (kind: string): kind is FormKind => Object.hasOwn(commands, kind)

/** Returns the command that does what a form would do with these values; '' where there is none. Pure. */
export const formCommand = (kind: string, values: FormValues): string =>
  isKind(kind) ? commands[kind](values) : ''

/** Returns a command with the options that reach a hub. */
export const placedCommand = (text: string, options: string): string =>
  options === '' ? text : text.replace(/^secco (?=[a-z])/, (program) => `${program}${options} `)

/** Returns the parts of a command between which a line may break: before an option, never within it. */
export const commandParts = (text: string): string[] => text.split(/(?<= )(?=-)|(?<= -\S*)(?= )/)
