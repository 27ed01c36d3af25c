// Which compiled files load which, read from their text: a string that ends in `.js` and begins with a dot is a path.
// A test also loads what it starts: the files of a verb of `secco` that its text names as a command.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Returns the files of `texts` (path → content) that load a changed file, directly or through others; with these. */
export function affectedBy(changed, texts, startedBy = () => []) {
  const loaders = new Map()
  for (const [path, text] of texts) {
    const loaded = [...text.matchAll(/['"](\.{1,2}\/[^'"]+\.js)['"]/g)]
    const targets = loaded.map(([, target]) => join(dirname(path), target))
    for (const target of [...targets, ...startedBy(path, text)]) {
      if (!loaders.has(target)) loaders.set(target, [])
      loaders.get(target).push(path)
    }
  }
  const found = new Set(changed)
  for (const path of found) for (const loader of loaders.get(path) ?? []) found.add(loader)
  return [...found]
}

/** Returns the file of each verb, read from the compiled table of verbs (cli/commands/verbs.ts). */
export function verbFiles(table) {
  const files = new Map()
  for (const [, verbs, file] of table.matchAll(/verbs: \{([^}]*)\}[^}]*?import\('\.\/([^']+)'\)/g))
    for (const [, quoted, bare] of verbs.matchAll(/(?:'([\w-]+)'|\b([a-z]+)): '/g))
      files.set(quoted ?? bare, join('build/cli/commands', file))
  return files
}

/** Returns `(path, text)` → the files of verbs that a test starts: `['up', …]`, `run('ps')` or `'secco ps …'`. */
export const startedByTests = (verbs) => (path, text) => {
  if (!path.startsWith('build/test/')) return []
  // Pods of an installation run both.
  const pods = path.endsWith('/secco-in-cluster.js') ? ['webhook', 'satellite'] : []
  const named = [...text.matchAll(/(?:[[(]\s*['"]|['"`]secco )([a-z][a-z-]+)\b/g)]
  return [...pods, ...named.map(([, word]) => word)].flatMap((word) => verbs.get(word) ?? [])
}

/** What a change of a file that is not compiled touches: a path of the checkout, and the compiled files it may change. */
const others = [
  [/^(package(-lock)?\.json|tsconfig\.json|bin\/(setup|secco)$|image\/)/, /^build\//],
  [/^native\//, /^build\/native\//],
  [/^webhook\//, /^build\/webhook\/ui\//],
  [/^test\/(cluster|helpers)\//, /^build\/test\/helpers\//],
  [/^(docs\/|README\.md$|manifests\/)/, /^build\/test\/e2e\/(documents|five-minutes|servers)\./]
]

/** Returns the compiled files that changes of these paths may change. */
export function compiledOf(paths, compiled) {
  return paths.flatMap((path) => {
    if (/\.tsx?$/.test(path)) return [`build/${path.replace(/\.tsx?$/, '.js')}`]
    return others
      .filter(([source]) => source.test(path))
      .flatMap(([, target]) => compiled.filter((each) => target.test(each)))
  })
}

/** Returns the test files that changes of these paths touch, by what is compiled in build/. */
export function testsTouchedBy(paths) {
  const compiled = readdirSync('build', { recursive: true })
    .filter((path) => path.endsWith('.js') && !path.startsWith('bundle'))
    .map((path) => join('build', path))
  const texts = new Map(compiled.map((path) => [path, readFileSync(path, 'utf8')]))
  const verbs = verbFiles(texts.get('build/cli/commands/verbs.js') ?? '')
  return affectedBy(compiledOf(paths, compiled), texts, startedByTests(verbs))
    .filter((path) => path.endsWith('.test.js'))
    .sort()
}

const git = (...args) => execFileSync('git', args, { encoding: 'utf8', stdio: 'pipe' }).trim()
const linesOf = (text) => text.split('\n').filter((line) => line !== '')

/**
 * Returns the paths that differ from a commit, files that git does not know yet among them. Without a commit it is
 * where this branch left the published main, or the local one.
 */
export function changedSince(commit) {
  const published = () => {
    try {
      return git('merge-base', 'HEAD', 'origin/main')
    } catch {
      return git('merge-base', 'HEAD', 'main')
    }
  }
  const base = git('rev-parse', '--verify', `${commit ?? published()}^{commit}`)
  const files = [
    ...linesOf(git('diff', '--name-only', base)),
    ...linesOf(git('ls-files', '--others', '--exclude-standard'))
  ]
  return { commit: base.slice(0, 9), files }
}
