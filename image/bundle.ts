import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { build, type Metafile, stop, transform } from 'esbuild'

/** The program, and its threads: the code that starts a thread looks for it next to itself, and all outputs are in one folder. */
export const entryPoints = {
  secco: 'cli/start.ts',
  'sign-worker': 'certs/sign-worker.ts',
  'review-worker': 'webhook/admission/review-worker.ts',
  'document-worker': 'webhook/ui/documents/document-worker.ts'
}

/** Parts of Node that take milliseconds to load and that most verbs do not use. */
const seldomUsed = /^node:(child_process|crypto|http|https|readline|worker_threads)$/

export interface BundleFile {
  name: string
  content: string
  /** Source files in it, relative to the root; none for a source map. */
  inputs: string[]
}

/** The program as files of one folder. */
export interface Bundle {
  files: BundleFile[]
}

/**
 * Loads a module when a member of it is used for the first time. Both stand at the head of each file that needs them:
 * a file of their own would be one more to read. Where the names are known, getters are faster than a proxy.
 */
const lateNames =
  'const secco_names=(load,names)=>{let module;const late={};' +
  'for(const name of names)Object.defineProperty(late,name,{enumerable:true,get:()=>(module??=load())[name]});' +
  'return late};'
const lateAny =
  'const secco_any=(load)=>{let module;const get=()=>module??=load();return new Proxy({},{get:(_,name)=>get()[name],' +
  'has:(_,name)=>name in get(),ownKeys:()=>Reflect.ownKeys(get()),getOwnPropertyDescriptor:(_,name)=>' +
  'Object.hasOwn(get(),name)?{value:get()[name],enumerable:true,configurable:true}:undefined})};'
const ownAddress = "const secco_url=require('node:url').pathToFileURL(__filename).href;"

/** The forms in which esbuild writes what is imported: another file, a package in CommonJS, a part of Node. */
const ofFile = /\bvar (import_\w+) ?= ?require\("\.\/([^"]+)"\);/g
const ofPackage =
  /\bvar (import_\w+) ?= ?((?:\(0, ?import_\w+\.__toESM\)|__toESM)\((?:\(0, ?import_\w+\.require_\w+\)|require_\w+)\(\)(?:, ?1)?\));/g
const ofNode = /(?:\(0, ?import_\w+\.__require\)|\b(?:__)?require)\("(node:[^"]+)"\)/g

/** Returns the code with modules that load when they are first used. @throws Error when esbuild writes imports in another form */
function loadLate(code: string, { imports }: Metafile['outputs'][string], exportsOf: ExportsOf) {
  let files = 0
  const late = code
    .replace(ofFile, (_, name: string, file: string) => {
      files += 1
      return `var ${name}=secco_names(()=>require("./${file}"),${JSON.stringify(exportsOf(file))});`
    })
    .replace(ofPackage, 'var $1=secco_any(()=>$2);')
    .replace(ofNode, (call, id: string) =>
      seldomUsed.test(id) ? `secco_any(()=>require("${id}"))` : call
    )
  const expected = imports.filter(({ kind, external }) => kind === 'import-statement' && !external)
  if (files !== expected.length) {
    throw new Error(`${files} of ${expected.length} imports are in the form that is known`)
  }
  const heads: [string, string][] = [
    ['secco_names', lateNames],
    ['secco_any', lateAny],
    ['secco_url', ownAddress]
  ]
  // On one line, so that the lines of source maps stay right.
  return `'use strict';${heads.map(([name, head]) => (late.includes(name) ? head : '')).join('')}${late}`
}

type ExportsOf = (file: string) => string[]

/**
 * Bundles the program as CommonJS, split so that a verb loads only what it needs. Node starts CommonJS faster than ES
 * modules: nothing waits for the thread pool, and `node:http` does not bring its whole web client along.
 * @param readable keep lines and write source maps: for a checkout
 */
export async function bundleProgram(
  root: string,
  { readable }: { readable: boolean }
): Promise<Bundle> {
  try {
    const { outputFiles, metafile } = await build({
      absWorkingDir: root,
      entryPoints,
      outdir: '/lib',
      outExtension: { '.js': '.cjs' },
      write: false,
      metafile: true,
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: 'node20.18',
      // Names stay: a stack trace in a log is read by people.
      minifySyntax: true,
      legalComments: 'none',
      sourcemap: readable ? 'inline' : false,
      logLevel: 'error'
    })
    const outputs = new Map(
      Object.entries(metafile.outputs).map(([path, output]) => [basename(path), output])
    )
    const code = createHash('sha256')
    for (const { text } of outputFiles) code.update(text)
    const define = {
      'import.meta.url': 'secco_url',
      secco_build: JSON.stringify(code.digest('base64url'))
    }
    const files = await Promise.all(
      outputFiles.map(async ({ path, text }) => {
        const name = basename(path)
        const { code, map } = await transform(text, {
          format: 'cjs',
          platform: 'node',
          target: 'node20.18',
          // import() would start the loader of ES modules.
          supported: { 'dynamic-import': false },
          define,
          minifyWhitespace: !readable,
          legalComments: 'none',
          sourcemap: readable ? 'external' : false,
          sourcefile: name
        })
        const output = outputs.get(name)
        if (output === undefined) throw new Error(`${name}: is in no list of outputs`)
        const late = loadLate(code, output, (file) => outputs.get(file)?.exports ?? [])
        // Threads are found by their names.
        const content = late.replace(/("|')\.\/([\w-]+-worker)\.js\1/g, '"./$2.cjs"')
        const inputs = Object.keys(output.inputs)
        if (!readable) return [{ name, content, inputs }]
        return [
          { name, content: `${content}//# sourceMappingURL=${name}.map\n`, inputs },
          { name: `${name}.map`, content: map, inputs: [] }
        ]
      })
    )
    return { files: files.flat() }
  } finally {
    // esbuild's service is a separate process, which would keep this one alive.
    await stop()
  }
}
