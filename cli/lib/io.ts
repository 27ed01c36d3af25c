/** Input and output of a verb: data goes to stdout, notes and errors to stderr. */
export interface Io {
  stdout: (text: string) => void
  stderr: (text: string) => void
  /** stdout is a terminal: live counters and colour are welcome. */
  isTerminal: boolean
  color: boolean
  readFile: (path: string) => Promise<string>
  env: Readonly<Record<string, string | undefined>>
}

const codes = { bold: 1, red: 31, green: 32, yellow: 33, dim: 2 } as const

/** Wraps text in an SGR colour when colour is on. The text must be clear without the colour. */
export function paint(io: Pick<Io, 'color'>, style: keyof typeof codes, text: string): string {
  return io.color ? `\u001b[${codes[style]}m${text}\u001b[0m` : text
}

/** Replaces control characters in text that came from a workload (comm, image, label), for terminals. */
export function plain(text: string): string {
  // The range holds the characters that must not reach a terminal (eslint's no-control-regex is off).
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '�')
}

/** Prints why a stream is interrupted; the verb goes on when a hub answers again. */
export function noteLost(io: Io, reason: string): void {
  io.stderr(`${paint(io, 'yellow', plain(`warning: ${reason}; connecting again`))}\n`)
}
