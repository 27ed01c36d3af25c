import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import ts from 'typescript'
import { repositoryRoot } from './repository.js'

/** One import or re-export. `path` is the imported file inside the checkout, absent for a package. */
interface Import {
  specifier: string
  path?: string
  /** Erased by the compiler: costs nothing at run time. */
  typeOnly: boolean
}

export interface SourceFile {
  /** Relative to the checkout, with `/`. */
  path: string
  text: string
  imports: Import[]
  /** `process.env` and the like: what only a main or the command line may touch. */
  processUses: string[]
}

const rooms = ['cli', 'src', 'webhook', 'satellite', 'native', 'certs', 'image'] as const

const restricted = new Set(['env', 'exit', 'exitCode', 'on', 'once', 'argv', 'kill'])

function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  return ts.isExportDeclaration(node)
    ? node.isTypeOnly
    : node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
}

/** Reads one file's text; pure, so that the rules can be tested on made-up files. */
export function parseSource(path: string, text: string): SourceFile {
  const parsed = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true)
  const imports: Import[] = []
  const processUses: string[] = []
  function add(specifier: string, typeOnly: boolean): void {
    if (!specifier.startsWith('.')) imports.push({ specifier, typeOnly })
    else {
      const target = normalize(join(dirname(path), specifier)).replace(/\.js$/, '.ts')
      const tsx = `${target}x`
      const isTsx =
        !existsSync(join(repositoryRoot, target)) && existsSync(join(repositoryRoot, tsx))
      imports.push({ specifier, path: isTsx ? tsx : target, typeOnly })
    }
  }
  function visit(node: ts.Node): void {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      const specifier = node.moduleSpecifier
      if (specifier !== undefined && ts.isStringLiteral(specifier)) {
        add(specifier.text, isTypeOnly(node))
      }
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments
      if (specifier !== undefined && ts.isStringLiteral(specifier)) add(specifier.text, false)
    } else if (
      ts.isPropertyAccessExpression(node) &&
      ts.isIdentifier(node.expression) &&
      node.expression.text === 'process' &&
      restricted.has(node.name.text)
    ) {
      processUses.push(node.name.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(parsed)
  return { path, text, imports, processUses }
}

/** Every TypeScript file of the rooms; generated code is left out. */
export function readRooms(): SourceFile[] {
  return rooms
    .filter((room) => existsSync(join(repositoryRoot, room)))
    .flatMap((room) =>
      readdirSync(join(repositoryRoot, room), { recursive: true, encoding: 'utf8' })
        .map((name) => `${room}/${name}`)
        .filter((path) => /\.tsx?$/.test(path) && !/\/(gen|node_modules|build)\//.test(path))
        .sort()
        .map((path) => parseSource(path, readFileSync(join(repositoryRoot, path), 'utf8')))
    )
}

/** Paths of the C, C++ and BPF sources of `native/`, relative to the checkout. */
export function nativeSources(): string[] {
  return readdirSync(join(repositoryRoot, 'native'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(c|cc|h)$/.test(name) && !/^(build|reference)\//.test(name))
    .map((name) => `native/${name}`)
    .sort()
}
