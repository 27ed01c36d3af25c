// Which compiled files load which, read from their text: a string that ends in `.js` and begins with a dot is a path.
// A test also loads what it starts and reads: verbs of `secco`, and files by their path. Too many is the safe side.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Returns the files of `texts` (path → content) that load a changed file, directly or through others; with these. */
export function affectedBy(changed, texts, startedBy = () => []) {
  const loaders = new Map()
  for (const [path, text] of texts) {
    const loaded = [...text.matchAll(/['"](\.{1,2}\/[^'"]+\.js)['"]/g)]
    const targets = loaded.map(([, target]) => join(dirname(path), target))
    for (const target of new Set([...targets, ...startedBy(path, text)])) {
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

/** Tests that run what documents say start whatever is written there. */
const readsDocuments = /['"`](?:\.\/)?(?:docs\/|README\.md)/

/**
 * Returns `(path, text)` → what a test loads besides modules: the files of each verb of `secco` that it names, and the
 * files that it names by their path in the checkout.
 */
export const startedByTests = (verbs) => (path, text) => {
  if (!path.startsWith('build/test/')) return []
  // Pods of an installation run both.
  const pods = path.endsWith('/secco-in-cluster.js') ? ['webhook', 'satellite'] : []
  const quoted = [...text.matchAll(/['"`](?:secco )?([a-z][a-z-]+)(?=['"`\s])/g)]
  const words = readsDocuments.test(text) ? verbs.keys() : quoted.map(([, word]) => word)
  const named = [
    ...text.matchAll(/['"`]((?:bin|build|cli|docs|image|manifests|native|test)\/[\w./-]+)['"`]/g)
  ]
  return [
    ...new Set([...pods, ...words].flatMap((word) => verbs.get(word) ?? [])),
    ...named.map(([, file]) => file)
  ]
}

/** What a change touches besides the file itself: a path of the checkout, and the compiled files it may change. */
const others = [
  [/^(package(-lock)?\.json|tsconfig\.json|bin\/(setup|secco)$|image\/)/, /^build\//],
  // Every command of `secco` runs them, and loads the verbs from a table.
  [/^cli\/(start|main)\.ts|^cli\/commands\/(verbs|context)\.ts/, /^build\/test\//],
  [/^native\//, /^build\/(native|test\/native)\//],
  [/^webhook\/ui\/browser\//, /^build\/webhook\/ui\//],
  [/^test\/(cluster|helpers)\//, /^build\/test\/helpers\//],
  [/^manifests\//, /^build\/cli\/install\//],
  [/^(docs\/.*|README)\.md$/, /^build\/test\/e2e\/(documents|five-minutes|servers)\./]
]

/** Returns a path and the folders above it: a test may name any of them. */
const withFolders = (path) =>
  path.split('/').map((_, index, parts) => parts.slice(0, index + 1).join('/'))

/** Returns what changes of these paths may change: compiled files, and the paths themselves. */
export function compiledOf(paths, compiled) {
  return paths.flatMap((path) => [
    ...(/\.tsx?$/.test(path) ? [`build/${path.replace(/\.tsx?$/, '.js')}`] : withFolders(path)),
    ...others
      .filter(([source]) => source.test(path))
      .flatMap(([, target]) => compiled.filter((each) => target.test(each)))
  ])
}

/** A change of a document that no test names touches none. */
const isDocument = (path) => /\.md$/.test(path)

/**
 * Returns the test files that changes of these paths touch, by what is compiled in build/. A path of which nothing is
 * known touches every test.
 */
export function testsTouchedBy(paths) {
  const compiled = readdirSync('build', { recursive: true })
    .filter((path) => path.endsWith('.js') && !path.startsWith('bundle'))
    .map((path) => join('build', path))
  const texts = new Map(compiled.map((path) => [path, readFileSync(path, 'utf8')]))
  const verbs = verbFiles(texts.get('build/cli/commands/verbs.js') ?? '')
  const isTest = (path) => path.endsWith('.test.js')
  const touchedBy = (changed) =>
    affectedBy(compiledOf(changed, compiled), texts, startedByTests(verbs)).filter(isTest)
  const found = new Set(touchedBy(paths))
  const isKnown = (path) => isDocument(path) || touchedBy([path]).length > 0
  const unknown = paths.filter((path) => !/\.tsx?$/.test(path) && !isKnown(path))
  return (unknown.length > 0 ? compiled.filter(isTest) : [...found]).sort()
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
