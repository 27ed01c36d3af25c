import { join } from 'node:path'
import ts from 'typescript'
import { abis } from '../../src/syscalls/abi.js'
import { repositoryRoot } from './repository.js'

/** Answer is a type of what the API answers: an interface, a type, or a function that returns it. */
export interface Answer {
  /** Relative to the checkout. */
  file: string
  type: string
}

/** What a member is that has no members of its own. */
const plain =
  ts.TypeFlags.StringLike |
  ts.TypeFlags.NumberLike |
  ts.TypeFlags.BooleanLike |
  ts.TypeFlags.Null |
  ts.TypeFlags.Undefined |
  ts.TypeFlags.Unknown

const isSetByAbi = (names: readonly string[]): boolean =>
  names.length > 0 && names.every((name) => (abis as readonly string[]).includes(name))

/** Objects as people wrote them: their members are documented in docs/reference/objects.md. */
const isObject = (names: readonly string[]): boolean =>
  names.includes('apiVersion') && names.includes('spec')

/** MemberReader lists the members of types. One that an earlier answer has too, by its declaration, is listed there only. */
class MemberReader {
  readonly #checker: ts.TypeChecker
  readonly #known = new Set<string>()

  constructor(checker: ts.TypeChecker) {
    this.#checker = checker
  }

  /** Returns the paths of the members without members of their own, below `path`. */
  membersOf(given: ts.Type, path: string): string[] {
    const type = this.#checker.getNonNullableType(given)
    if (type.isUnion()) {
      const all = type.types.flatMap((one) => this.membersOf(one, path))
      return [...new Set(all)]
    }
    if ((type.flags & plain) !== 0) return [path]
    if (this.#checker.isArrayType(type)) {
      const [element] = this.#checker.getTypeArguments(type as ts.TypeReference)
      return element === undefined ? [path] : this.membersOf(element, path)
    }
    const properties = this.#checker.getPropertiesOfType(type)
    const names = properties.map(({ name }) => name)
    if (isSetByAbi(names) || isObject(names)) return [path]
    const fresh = properties.filter((one) => this.#isFresh(one))
    // It has only members that are listed elsewhere, or none that have a name: it is one statement.
    if (fresh.length === 0) return [path]
    return fresh.flatMap((one) =>
      this.membersOf(this.#checker.getTypeOfSymbol(one), `${path}.${one.name}`)
    )
  }

  #isFresh({ declarations }: ts.Symbol): boolean {
    const [declaration] = declarations ?? []
    if (declaration === undefined) return true
    const place = `${declaration.getSourceFile().fileName} ${declaration.pos}`
    const isKnown = this.#known.has(place)
    this.#known.add(place)
    return !isKnown
  }
}

function typeNamed(checker: ts.TypeChecker, source: ts.SourceFile, name: string): ts.Type {
  const kinds: ts.SymbolFlags =
    ts.SymbolFlags.Function | ts.SymbolFlags.Interface | ts.SymbolFlags.TypeAlias
  const local = checker.getSymbolsInScope(source, kinds).find((one) => one.name === name)
  if (local === undefined) throw new Error(`${source.fileName} has no ${name}`)
  const symbol = checker.getExportSymbolOfSymbol(local)
  if ((symbol.flags & ts.SymbolFlags.Function) === 0) return checker.getDeclaredTypeOfSymbol(symbol)
  const [signature] = checker.getTypeOfSymbol(symbol).getCallSignatures()
  if (signature === undefined) throw new Error(`${name} cannot be called`)
  return signature.getReturnType()
}

/** Returns every member of the answers, as `NAME.MEMBER.MEMBER`, in the order of the answers. */
export function answerMembers(answers: Readonly<Record<string, Answer>>): string[] {
  const { config } = ts.readConfigFile(join(repositoryRoot, 'tsconfig.json'), (path) =>
    ts.sys.readFile(path)
  ) as {
    config: unknown
  }
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, repositoryRoot)
  const pathOf = ({ file }: Answer) => join(repositoryRoot, file)
  const program = ts.createProgram(Object.values(answers).map(pathOf), {
    ...options,
    ...{ noEmit: true, incremental: false }
  })
  const checker = program.getTypeChecker()
  const reader = new MemberReader(checker)
  return Object.entries(answers).flatMap(([name, answer]) => {
    const source = program.getSourceFile(pathOf(answer))
    if (source === undefined) throw new Error(`${answer.file} is not there`)
    return reader.membersOf(typeNamed(checker, source, answer.type), name)
  })
}
