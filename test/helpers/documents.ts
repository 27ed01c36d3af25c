import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from './repository.js'

/** A fenced `sh` block of a document, with the marker in the line before it. */
interface ShellBlock {
  /** Relative to the checkout. */
  path: string
  /** Of the opening fence, from 1. */
  line: number
  text: string
  /** The name in `<!-- test: NAME -->`: who runs the block. */
  runner?: string
  /** The reason in `<!-- not run: REASON -->`. */
  reason?: string
}

/** Documents that people write. The decision records keep their words; most of the reference is generated. */
export function documentPaths(): string[] {
  const inDocs = readdirSync(join(repositoryRoot, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !/^(adr|reference)\/(?!statements)/.test(name))
    .map((name) => `docs/${name}`)
  return ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'ARCHITECTURE.md', ...inDocs.sort()]
}

export const readDocument = (path: string): string =>
  readFileSync(join(repositoryRoot, path), 'utf8')

/** A row of a table in a document, and the heading that it is below. */
export interface TableRow {
  heading: string
  /** In the order of the columns, without the spaces around them. */
  cells: string[]
}

/** Returns the rows of the tables in a document in their order, without titles. In a cell `\|` stands for a bar. */
export function tableRows(document: string): TableRow[] {
  const rows: TableRow[] = []
  let heading = ''
  let isBody = false
  for (const line of document.split('\n')) {
    heading = /^#+ (.+)$/.exec(line)?.[1] ?? heading
    if (!line.startsWith('|')) isBody = false
    else if (/^\|[ :|-]+\|$/.test(line)) isBody = true
    else if (isBody) {
      const cells = line.replace(/^\||\|\s*$/g, '').split(/(?<!\\)\|/)
      rows.push({ heading, cells: cells.map((cell) => cell.trim().replaceAll('\\|', '|')) })
    }
  }
  return rows
}

/** Returns the `sh` blocks of a document in their order. */
export function shellBlocks(path: string, document: string): ShellBlock[] {
  const blocks: ShellBlock[] = []
  for (const match of document.matchAll(/^( *)```sh\n([^]*?)^ *```/gm)) {
    const before = document.slice(0, match.index)
    const marker = before.trimEnd().split('\n').at(-1) ?? ''
    const runner = /<!-- test: (\S+) -->/.exec(marker)?.[1]
    const reason = /<!-- not run: (.+) -->/.exec(marker)?.[1]
    const indent = match[1] ?? ''
    blocks.push({
      path,
      line: before.split('\n').length,
      text: (match[2] ?? '').replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
      ...(runner === undefined ? {} : { runner }),
      ...(reason === undefined ? {} : { reason })
    })
  }
  return blocks
}

export const allShellBlocks = (): ShellBlock[] =>
  documentPaths().flatMap((path) => shellBlocks(path, readDocument(path)))

/**
 * Returns the arguments of each `secco` command in a block. Comments, here-documents and words after a
 * pipe are left out; a quoted word stays one word.
 */
export function seccoCommands(text: string): string[][] {
  const lines = text.replace(/<<(\w+)\n[^]*?\n\1$/gm, '').split('\n')
  return lines.flatMap((line) =>
    line
      .replace(/(^|\s)#.*$/, '')
      .split(/\||&&|;|>|<| & ?$|\$\(/)
      .flatMap((part) => {
        const words = part.trim().match(/'[^']*'|"[^"]*"|\S+/g) ?? []
        const at = words.findIndex((word) => /^(bin\/)?secco$/.test(word))
        const isStart = at === 0 || (at === 1 && words[0] === 'sudo')
        return isStart ? [words.slice(at + 1).map((word) => word.replace(/^['"]|['"]$/g, ''))] : []
      })
  )
}
