import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { mutate, type Mutant, MutantError } from './mutant.js'

const left = new Set(['.git', '.cache', '.tap', 'node_modules'])

/** Compiles one file as `tsc -p .` does, without types. @throws MutantError for what is no TypeScript. */
function compile(root: string, file: string, text: string): string {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (path) =>
    readFileSync(path, 'utf8')
  ) as { config: { compilerOptions?: object } }
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)
  const made = ts.transpileModule(text, {
    compilerOptions: {
      ...options,
      // What NodeNext means in a package of type `module`: the compiler of a single file does not know the package.
      ...{ module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
      ...{ sourceMap: false, incremental: false }
    },
    fileName: join(root, file),
    reportDiagnostics: true
  })
  const [problem] = made.diagnostics ?? []
  if (problem === undefined) return made.outputText
  throw new MutantError(`${file}: ${ts.flattenDiagnosticMessageText(problem.messageText, ' ')}`)
}

/**
 * A copy of the checkout with its build, in which one file at a time gets a fault. Files are hard links: a changed file
 * is a new file, so that the checkout never changes.
 */
export class CheckoutCopy {
  readonly path: string
  readonly #root: string
  #changed: string[] = []
  #isNativeBuilt = true

  constructor(root: string, path: string) {
    this.#root = root
    this.path = path
    rmSync(path, { recursive: true, force: true })
    mkdirSync(join(path, 'build'), { recursive: true })
    const names = readdirSync(root).filter((name) => !left.has(name) && name !== 'build')
    // The bundle would hide the fault.
    const built = readdirSync(join(root, 'build')).filter(
      (name) => name !== 'mutants' && name !== 'bundle'
    )
    for (const name of [...names, ...built.map((one) => join('build', one))])
      execFileSync('cp', ['-al', join(root, name), join(path, name)])
    symlinkSync(join(root, 'node_modules'), join(path, 'node_modules'))
  }

  /** Puts a fault in. @throws MutantError */
  apply(mutant: Mutant): void {
    const { file } = mutant
    const text = mutate(mutant, readFileSync(join(this.#root, file), 'utf8'))
    const script = /\.tsx?$/.test(file)
    const compiled = script ? compile(this.#root, file, text) : ''
    this.#write(file, text)
    if (script) this.#write(join('build', file.replace(/\.tsx?$/, '.js')), compiled)
    else this.#buildNative()
  }

  /** Takes the fault out again. */
  restore(): void {
    for (const file of this.#changed) {
      unlinkSync(join(this.path, file))
      linkSync(join(this.#root, file), join(this.path, file))
    }
    this.#changed = []
    if (!this.#isNativeBuilt) this.#copyNative()
    this.#isNativeBuilt = true
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }

  #write(file: string, text: string): void {
    unlinkSync(join(this.path, file))
    writeFileSync(join(this.path, file), text)
    this.#changed.push(file)
  }

  /** Compilers write into existing files: nothing in native/build may be a hard link then. */
  #copyNative(): void {
    const built = join(this.path, 'native/build')
    rmSync(built, { recursive: true, force: true })
    execFileSync('cp', ['-a', join(this.#root, 'native/build'), built])
  }

  #buildNative(): void {
    this.#isNativeBuilt = false
    this.#copyNative()
    try {
      execFileSync('make', ['-C', join(this.path, 'native')], { stdio: 'pipe' })
    } catch (error) {
      throw new MutantError(`make -C native: ${String(error).slice(0, 2000)}`)
    }
  }
}
