/** Input and output of a verb: data goes to stdout, notes and errors to stderr. */
export interface Io {
  stdout: (text: string) => void
  stderr: (text: string) => void
  /** stdout is a terminal: live counters and colour are welcome. */
  isTerminal: boolean
  color: boolean
  /** Asks a person for a yes; absent where nobody can answer: a pipe, a script. */
  ask?: (question: string) => Promise<boolean>
  readFile: (path: string) => Promise<string>
  env: Readonly<Record<string, string | undefined>>
}

const codes = { bold: 1, red: 31, green: 32, yellow: 33, dim: 2 } as const

/** Wraps text in an SGR colour when colour is on. The text must be clear without the colour. */
export function paint(io: Pick<Io, 'color'>, style: keyof typeof codes, text: string): string {
  return io.color ? `\u001b[${codes[style]}m${text}\u001b[0m` : text
}

/** Clears the screen, for a list that is printed again and again. */
export const clearScreen = '\u001b[2J\u001b[H'

/** Matches the colours of `paint`, and what plain() replaces apart from line ends and tabs. */
const unsafe =
  /\u001b\[(?:[012]|3[123])m|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/**
 * Writes control characters in what goes to a terminal as escapes (JSON means the same by them), except for what Secco
 * itself prints. Names of files, messages of parsers and servers, and JSON have what somebody else wrote.
 */
export function forTerminal(text: string): string {
  if (text === clearScreen) return text
  return text.replace(unsafe, (found) =>
    found.length > 1 ? found : `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`
  )
}

/**
 * Replaces control characters, and signs that change the direction of a text, in what came from a workload (comm, image,
 * label), for terminals.
 */
export function plain(text: string): string {
  // The range holds the characters that must not reach a terminal (eslint's no-control-regex is off).
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '�')
}

/** Prints why a stream is interrupted; the verb goes on when a hub answers again. */
export function noteLost(io: Io, reason: string): void {
  io.stderr(`${paint(io, 'yellow', plain(`warning: ${reason}; connecting again`))}\n`)
}
