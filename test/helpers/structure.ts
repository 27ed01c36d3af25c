import { dirname } from 'node:path'
import ts from 'typescript'
import type { SourceFile } from './source-tree.js'

/**
 * Which folders a folder of the product may import from, beside itself: the table that ARCHITECTURE.md
 * prints. A folder is named by its first two levels; a folder that is not listed counts as its first level.
 */
export const mayImport: Record<string, readonly string[]> = (() => {
  const src = [
    ...['src/lib', 'src/syscalls', 'src/api', 'src/seccomp', 'src/store', 'src/rules'],
    'src/history'
  ]
  const language = [...src, 'src/confinement']
  const webhook = ['webhook/admission', 'webhook/access', 'webhook/views']
  const hub = [...webhook, 'webhook/hub']
  const confinement = [...hub, 'webhook/confinement']
  const cluster = [...confinement, 'webhook/cluster']
  const snapshot = [...cluster, 'webhook/snapshot']
  const satellite = ['native', 'satellite/lib', ...language]
  const containers = [...satellite, 'satellite/containers']
  const delivery = [...containers, 'satellite/denials', 'satellite/revisions', 'satellite/uplink']
  return {
    'src/lib': [],
    'src/syscalls': ['src/lib'],
    'src/api': ['src/lib', 'src/syscalls'],
    'src/seccomp': ['src/lib', 'src/syscalls', 'src/api', 'src/history'],
    'src/store': ['src/lib', 'src/syscalls', 'src/api'],
    'src/rules': ['src/lib', 'src/syscalls', 'src/api'],
    'src/history': ['src/lib', 'src/syscalls', 'src/api'],
    'src/confinement': src,
    native: [],
    certs: ['src/lib'],
    image: ['src/lib'],
    'satellite/lib': ['native', ...language],
    'satellite/containers': satellite,
    'satellite/denials': containers,
    'satellite/revisions': containers,
    'satellite/uplink': containers,
    'satellite/inspector': delivery,
    'satellite/recorder': delivery,
    'satellite/trace': [...delivery, 'satellite/inspector', 'satellite/recorder'],
    satellite: [
      ...delivery,
      'satellite/inspector',
      'satellite/recorder',
      'satellite/trace',
      'certs'
    ],
    'webhook/admission': ['certs', ...language],
    'webhook/access': ['certs', ...language],
    'webhook/views': ['certs', ...language],
    'webhook/hub': ['certs', ...language, ...webhook],
    'webhook/confinement': ['certs', ...language, ...hub],
    'webhook/cluster': ['certs', ...language, ...confinement],
    'webhook/snapshot': ['certs', ...language, ...cluster],
    'webhook/ui': ['certs', ...language, ...snapshot],
    webhook: ['certs', ...language, ...snapshot, 'webhook/ui']
  }
})()

/** The largest number of source files in one folder. */
export const maxFilesPerFolder = 30
/** The largest number of lines in one function. */
export const maxFunctionLines = 80
/** The largest number of characters in one line. */
export const maxLineLength = 140

/** The name under which `mayImport` lists the folder of a file. */
function folderOf(path: string): string {
  const [first = '', second = ''] = dirname(path).split('/')
  const both = `${first}/${second}`
  return both in mayImport ? both : first
}

/** Imports that the table does not allow, as `file → imported`. The command line may import everything. */
export function wrongImports(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => !path.startsWith('cli/'))
    .flatMap(({ path, imports }) =>
      imports.flatMap((one) => {
        if (one.path === undefined) return []
        const [from, to] = [folderOf(path), folderOf(one.path)]
        return from === to || (mayImport[from] ?? []).includes(to) ? [] : [`${path} → ${one.path}`]
      })
    )
}

/**
 * Groups of nodes that reach each other (Tarjan's strongly connected components with more than one
 * node), each sorted.
 */
export function circles(graph: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const order = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const found: string[][] = []
  function visit(node: string): number {
    const at = order.size
    order.set(node, at)
    low.set(node, at)
    stack.push(node)
    for (const next of graph.get(node) ?? []) {
      const reached = order.has(next)
        ? stack.includes(next)
          ? order.get(next)
          : undefined
        : visit(next)
      if (reached !== undefined) low.set(node, Math.min(low.get(node) ?? at, reached))
    }
    if (low.get(node) === at) {
      const group = stack.splice(stack.indexOf(node))
      if (group.length > 1) found.push(group.sort())
    }
    return low.get(node) ?? at
  }
  for (const node of graph.keys()) if (!order.has(node)) visit(node)
  return found.sort((a, b) => (a[0] ?? '').localeCompare(b[0] ?? ''))
}

function graphOf(
  files: readonly SourceFile[],
  nameOf: (path: string) => string
): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>()
  for (const { path, imports } of files) {
    const from = nameOf(path)
    const edges = graph.get(from) ?? new Set<string>()
    graph.set(from, edges)
    for (const { path: to } of imports) {
      if (to !== undefined && nameOf(to) !== from) edges.add(nameOf(to))
    }
  }
  return graph
}

/** Circles of files; imports of types count. */
export const fileCircles = (files: readonly SourceFile[]): string[][] =>
  circles(graphOf(files, (path) => path))

/** Circles of folders; imports of types count. */
export const folderCircles = (files: readonly SourceFile[]): string[][] =>
  circles(graphOf(files, dirname))

/** Number of files in each folder, largest first. */
export function folderSizes(paths: readonly string[]): [folder: string, files: number][] {
  const sizes = new Map<string, number>()
  for (const path of paths) sizes.set(dirname(path), (sizes.get(dirname(path)) ?? 0) + 1)
  return [...sizes].sort((a, b) => b[1] - a[1])
}

/** Functions with more lines than the limit, as `file:line name (lines)`. */
export function longFunctions({ path, text }: Pick<SourceFile, 'path' | 'text'>): string[] {
  const parsed = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true)
  const found: string[] = []
  const lineOf = (position: number) => parsed.getLineAndCharacterOfPosition(position).line
  function visit(node: ts.Node): void {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const start = lineOf(node.getStart())
      const lines = lineOf(node.end) - start + 1
      const name = node.name?.getText() ?? 'function'
      if (lines > maxFunctionLines) {
        found.push(`${path}:${String(start + 1)} ${name} (${String(lines)})`)
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(parsed)
  return found
}

/** Lines with more characters than the limit, as `file:line (characters)`. */
export function longLines({ path, text }: Pick<SourceFile, 'path' | 'text'>): string[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      line.length > maxLineLength ? [`${path}:${String(index + 1)} (${String(line.length)})`] : []
    )
}
