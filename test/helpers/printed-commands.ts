import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Argument, type Command, CommanderError, type Option } from 'commander'
import ts from 'typescript'
import { repositoryRoot } from './repository.js'
import { seccoProgram } from './secco-program.js'

/** Stands for a part of a text that is only known when the program runs. */
export const hole = 'HOLE'

/** A command as it stands in a source file: each `${…}` is a hole. */
export interface PrintedCommand {
  path: string
  line: number
  program: 'secco' | 'kubectl'
  /** What follows the name of the program, up to where the command can end. */
  rest: string
  /** Backquotes say where it ends; else words of the sentence can follow it. */
  isQuoted: boolean
}

/** At most this many texts of one expression: each conditional doubles them. */
const maxTexts = 64

const join2 = (left: readonly string[], right: readonly string[]): string[] =>
  left.flatMap((one) => right.map((other) => one + other)).slice(0, maxTexts)

/** Returns constants of a file by name, when only one has the name. */
function constantsOf(file: ts.SourceFile): Map<string, ts.Expression | undefined> {
  const found = new Map<string, ts.Expression | undefined>()
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name)) {
      const { text } = node.name
      found.set(text, found.has(text) ? undefined : node.initializer)
    } else if (ts.isParameter(node) && ts.isIdentifier(node.name)) {
      found.set(node.name.text, undefined)
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

const isPlus = (node: ts.Node): node is ts.BinaryExpression =>
  ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken

/** Returns the texts that an expression can be. */
function textsOf(node: ts.Node, constants: ReturnType<typeof constantsOf>, depth = 0): string[] {
  const of = (one: ts.Node): string[] => textsOf(one, constants, depth + 1)
  if (ts.isStringLiteralLike(node)) return [node.text]
  if (ts.isJsxText(node)) return [node.text]
  if (ts.isParenthesizedExpression(node) || ts.isAsExpression(node)) return of(node.expression)
  if (ts.isConditionalExpression(node))
    return [...of(node.whenTrue), ...of(node.whenFalse)].slice(0, maxTexts)
  if (isPlus(node)) return join2(of(node.left), of(node.right))
  if (ts.isTemplateExpression(node))
    return node.templateSpans.reduce(
      (texts, span) => join2(join2(texts, of(span.expression)), [span.literal.text]),
      [node.head.text]
    )
  if (ts.isIdentifier(node) && depth < 8) {
    const value = constants.get(node.text)
    if (value !== undefined) return of(value)
  }
  return [hole]
}

const isText = (node: ts.Node): boolean =>
  ts.isStringLiteralLike(node) ||
  ts.isTemplateExpression(node) ||
  ts.isJsxText(node) ||
  isPlus(node)

/** Commands in a text: a name of a program as a word, and what follows up to a quote, a line end, `;` or `|`. */
const named = /(^|[\s`'"(:>])(secco|kubectl) ((?:(?![\s`'"(:](?:secco|kubectl) )[^`\n;|])*)(`?)/g

/** Returns the commands of a text. Pure. */
export function commandsOfText(text: string): Omit<PrintedCommand, 'path' | 'line'>[] {
  return [...text.matchAll(named)].map(([, before = '', program, rest = '', after]) => ({
    program: program === 'kubectl' ? 'kubectl' : 'secco',
    rest: rest.replace(/,? (?:then|or|and)$/, '').trim(),
    isQuoted: before === '`' && after === '`'
  }))
}

/** Returns each command that the strings of a source file have, once. */
export function commandsOfSource(path: string, text: string): PrintedCommand[] {
  const kind = path.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true, kind)
  const constants = constantsOf(file)
  const found = new Map<string, PrintedCommand>()
  const visit = (node: ts.Node, isPart: boolean): void => {
    const is = isText(node)
    if (is && !isPart && !ts.isImportDeclaration(node.parent)) {
      const line = file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1
      for (const one of new Set(textsOf(node, constants)))
        for (const command of commandsOfText(one))
          found.set(`${line} ${command.program} ${command.rest}`, { path, line, ...command })
    }
    const goesOn = is || (isPart && (ts.isTemplateSpan(node) || ts.isParenthesizedExpression(node)))
    ts.forEachChild(node, (child) => {
      visit(
        child,
        goesOn || (isPart && ts.isConditionalExpression(node) && child !== node.condition)
      )
    })
  }
  visit(file, false)
  return [...found.values()]
}

export const commandsOfFile = (path: string): PrintedCommand[] =>
  commandsOfSource(path, readFileSync(join(repositoryRoot, path), 'utf8'))

/** Makes each value of an option or argument acceptable: holes and NAME have none of a list of choices. */
function acceptAnyValue(one: Option | Argument): void {
  const parse = one.parseArg
  if (parse === undefined) return
  one.parseArg = <T>(value: string, before: T): T => {
    if (value.includes(hole) || /^[A-Z]+(?:[.:/][A-Za-z]+)*$/.test(value)) return before
    return parse(value, before)
  }
}

/** Parses the words that follow `secco` and returns the error of commander; undefined: they are right. */
export type ParseWords = (words: readonly string[]) => Promise<string | undefined>

/** Returns a parser of commands: the program of Secco, whose verbs do nothing. */
export async function seccoParser(): Promise<ParseWords> {
  const program = await seccoProgram()
  const ran: string[] = []
  const empty = (command: Command): void => {
    command.options.forEach(acceptAnyValue)
    command.registeredArguments.forEach(acceptAnyValue)
    // A verb such as `denials` acts itself, and has verbs below it.
    if (Reflect.get(command, '_actionHandler') !== null)
      command.action(() => void ran.push(command.name()))
    command.commands.forEach(empty)
  }
  empty(program)
  return async (words) => {
    ran.length = 0
    try {
      await program.parseAsync([...words], { from: 'user' })
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error
      return error.exitCode === 0 ? undefined : `${error.code}: ${error.message}`
    }
    return ran.length === 0 ? 'no verb ran' : undefined
  }
}

/** Returns the words of a command as a shell reads them. */
export function wordsOfCommand(rest: string): string[] {
  const words = rest.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []
  return words.map((word) => word.replace(/^(['"])(.*)\1$/, '$2'))
}

/** Words of a sentence that can follow a command. */
const prose = new RegExp(
  '^(?:\\(.*|=.*|an?|again|all|and|as|before|for|from|gives|has|if|in|is|it|lists?|makes|names?|of|on|or|prints|reads|says|' +
    'shows?|that|the|then|there|to|until|when|where|which|whether|with|—|→)$'
)

/** Returns the words with each choice of holes left out, as a hole of its own can be empty. */
function withoutHoles(words: readonly string[]): string[][] {
  return words.reduce<string[][]>(
    (all, word) =>
      word === hole && all.length < maxTexts
        ? [...all.map((one) => [...one, word]), ...all]
        : all.map((one) => [...one, word]),
    [[]]
  )
}

/** What a person would paste of a printed command, or what is wrong with it. */
type Pasted = { words: string[]; problem?: undefined } | { words?: undefined; problem: string }

/** Returns the words of a printed `secco` command, without those of the sentence around it. */
export async function readCommand(
  { rest, isQuoted }: Pick<PrintedCommand, 'rest' | 'isQuoted'>,
  parse: ParseWords
): Promise<Pasted> {
  const words = wordsOfCommand(rest)
  const attempts = [words]
  if (!isQuoted) {
    words.forEach((word, at) => {
      const before = words[at - 1] ?? ''
      if (at > 0 && prose.test(word)) attempts.unshift(words.slice(0, at))
      if (at > 0 && /[.,:)]$/.test(before))
        attempts.unshift([...words.slice(0, at - 1), before.replace(/[.,:)]+$/, '')])
    })
    const last = words.at(-1) ?? ''
    if (/[.,:)]$/.test(last))
      attempts.unshift([...words.slice(0, -1), last.replace(/[.,:)]+$/, '')])
  }
  let first: string | undefined
  for (const attempt of attempts) {
    for (const one of withoutHoles(attempt)) {
      const problem = await parse(one)
      if (problem === undefined) return { words: one }
      first ??= problem
    }
  }
  return { problem: first ?? 'no words' }
}

/** Returns what is wrong with a printed `secco` command; undefined: it can be pasted. */
export async function problemOf(
  command: Pick<PrintedCommand, 'rest' | 'isQuoted'>,
  parse: ParseWords
): Promise<string | undefined> {
  return (await readCommand(command, parse)).problem
}

/** Returns the lines of a source file, comments left out, that name a verb of Secco after its name. */
export const textsWithVerbs = (source: string): string[] =>
  source
    .replace(/\/\*[^]*?\*\//g, '')
    .split('\n')
    .filter(
      (line) =>
        !/^\s*\/\//.test(line) &&
        /['"`: ]secco (?:ps|get|profile|promote|install|doctor|denials|block|trace|up|ui|rule)\b/.test(
          line
        )
    )
