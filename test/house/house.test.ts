import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { test } from 'tap'
import { errorKinds } from '../../src/lib/errors.js'
import { version } from '../../src/lib/version.js'
import { repositoryRoot } from '../helpers/repository.js'
import { parseSource, readRooms, type SourceFile } from '../helpers/source-tree.js'

const run = promisify(execFile)
const files = readRooms()

/** Which rooms a room may import from, beside itself (DESIGN section 3: one way). */
const mayImport: Record<string, string[]> = {
  src: [],
  native: [],
  certs: ['src'],
  image: ['src'],
  webhook: ['certs', 'src'],
  satellite: ['certs', 'native', 'src'],
  cli: ['src', 'certs', 'native', 'webhook', 'satellite']
}

function roomOf(path: string): string {
  return path.split('/')[0] ?? ''
}

/** Imports that go the wrong way, as `file → imported`. */
function wrongWay(all: readonly SourceFile[]): string[] {
  return all.flatMap((file) =>
    file.imports
      .filter((one) => {
        if (one.path === undefined) return false
        const from = roomOf(file.path)
        const to = roomOf(one.path)
        return from !== to && !(mayImport[from] ?? []).includes(to)
      })
      .map((one) => `${file.path} → ${one.path ?? ''}`)
  )
}

/** How a file comes to load a package at run time: the chain of files, or nothing. */
function chainTo(all: ReadonlyMap<string, SourceFile>, from: string, name: string): string[] {
  const seen = new Set<string>()
  function search(path: string): string[] {
    if (seen.has(path)) return []
    seen.add(path)
    for (const one of all.get(path)?.imports ?? []) {
      if (one.typeOnly) continue
      if (one.specifier === name || one.specifier.startsWith(`${name}/`)) return [path, name]
      const rest = one.path === undefined ? [] : search(one.path)
      if (rest.length > 0) return [path, ...rest]
    }
    return []
  }
  return search(from)
}

test('imports go one way', (t) => {
  t.same(wrongWay(files), [], 'ARCHITECTURE.md says which folder may import which')
  t.same(
    wrongWay([
      parseSource('src/a.ts', "import { b } from '../certs/b.js'"),
      parseSource('webhook/a.ts', "export { b } from '../satellite/b.js'"),
      parseSource('native/a.ts', "const b = await import('../src/b.js')"),
      parseSource('src/rules/a.ts', "import type { b } from '../../cli/b.js'"),
      parseSource('satellite/x/a.ts', "import { b } from '../../native/b.js'"),
      parseSource('cli/a.ts', "import { b } from '../webhook/b.js'")
    ]),
    [
      'src/a.ts → certs/b.ts',
      'webhook/a.ts → satellite/b.ts',
      'native/a.ts → src/b.ts',
      'src/rules/a.ts → cli/b.ts'
    ],
    'the rule itself finds what is wrong and only that'
  )
  t.end()
})

test('the satellite never loads the Kubernetes client', (t) => {
  const byPath = new Map(files.map((file) => [file.path, file]))
  for (const file of files.filter((one) => one.path.startsWith('satellite/'))) {
    const chain = chainTo(byPath, file.path, '@kubernetes/client-node')
    if (chain.length > 0) t.fail(chain.join(' → '))
  }
  const made = [
    parseSource('satellite/a.ts', "import { b } from '../src/b.js'"),
    parseSource('src/b.ts', "import * as k from '@kubernetes/client-node'"),
    parseSource('satellite/c.ts', "import type { K } from '@kubernetes/client-node'")
  ]
  const madeByPath = new Map(made.map((file) => [file.path, file]))
  const name = '@kubernetes/client-node'
  t.same(chainTo(madeByPath, 'satellite/a.ts', name), ['satellite/a.ts', 'src/b.ts', name])
  t.same(chainTo(madeByPath, 'satellite/c.ts', name), [], 'types cost nothing')
  t.end()
})

test('what makes certificates is loaded by a thread of its own, which nothing imports', (t) => {
  const thread = 'certs/sign-worker.ts'
  const makers = (all: readonly SourceFile[]) =>
    all
      .filter(({ imports }) =>
        imports.some(
          ({ specifier, path, typeOnly }) =>
            !typeOnly && (specifier === 'selfsigned' || path === thread)
        )
      )
      .map(({ path }) => path)
  t.same(makers(files), [thread])
  t.same(
    makers([
      parseSource('certs/a.ts', "const { default: s } = await import('selfsigned')"),
      parseSource('certs/b.ts', "import './sign-worker.js'"),
      parseSource('certs/c.ts', "import type { generate } from 'selfsigned'")
    ]),
    ['certs/a.ts', 'certs/b.ts']
  )
  t.end()
})

test('only a main and the command line touch the environment and signals', (t) => {
  const wrong = files
    .filter((file) => !file.path.endsWith('/main.ts') && roomOf(file.path) !== 'cli')
    .filter((file) => file.processUses.length > 0)
    .map((file) => `${file.path}: process.${file.processUses.join(', process.')}`)
  t.same(wrong, [], 'pass the value in from a main.ts or from cli/')
  t.same(parseSource('src/a.ts', 'process.env.A; process.on("SIGTERM", f)').processUses, [
    'env',
    'on'
  ])
  t.end()
})

test('the prescribed top level', (t) => {
  const wanted = [
    ...['src/seccomp', 'src/rules', 'src/api', 'src/store', 'cli', 'webhook/admission'],
    ...['webhook/hub', 'webhook/ui', 'satellite', 'native', 'certs', 'manifests', 'test'],
    ...['docs/adr', 'ARCHITECTURE.md', 'CHANGELOG.md', 'LICENSE', 'README.md'],
    ...['.ci/run', 'bin/secco', 'bin/setup']
  ]
  t.same(
    wanted.filter((path) => !existsSync(join(repositoryRoot, path))),
    [],
    'these paths exist'
  )
  t.end()
})

test('one version', (t) => {
  const manifest = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as {
    version: string
  }
  t.equal(version, manifest.version)
  t.end()
})

test('every error code is used', (t) => {
  const texts = files.filter((file) => file.path !== 'src/lib/errors.ts').map((file) => file.text)
  // toSeccoError in the table's own file is where this one comes from.
  const own = ['INTERNAL']
  const unused = Object.keys(errorKinds).filter(
    (code) => !own.includes(code) && !texts.some((text) => text.includes(`'${code}'`))
  )
  t.same(unused, [], 'throw the code somewhere, or remove it from src/lib/errors.ts')
  t.end()
})

test('files stay readable', (t) => {
  const tooLong = files
    .map((file) => ({ path: file.path, lines: file.text.split('\n').length - 1 }))
    .filter((file) => file.lines > 300)
    // Tables of data are as long as their data.
    .filter((file) => !/\/(tables?|data)\//.test(file.path))
  t.same(tooLong, [], 'split files of more than 300 lines by topic')
  t.end()
})

test('generated code is fresh', async (t) => {
  const into = mkdtempSync(join(tmpdir(), 'secco-gen-'))
  t.teardown(() => rmSync(into, { recursive: true, force: true }))
  const bin = join(repositoryRoot, 'node_modules/.bin')
  await run(join(bin, 'buf'), ['generate', '-o', into], {
    cwd: repositoryRoot,
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` }
  })
  const read = (folder: string): Record<string, string> =>
    Object.fromEntries(
      readdirSync(join(folder, 'src/api/gen'), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts') && name !== 'checks.ts')
        .sort()
        .map((name) => [name, readFileSync(join(folder, 'src/api/gen', name), 'utf8')])
    )
  await t.resolves(
    run(process.execPath, ['bin/gen-checks.mjs', '--check'], { cwd: repositoryRoot }),
    'src/api/gen/checks.ts is of the schemas as they are'
  )
  const fresh = read(into)
  const committed = read(repositoryRoot)
  t.same(Object.keys(committed), Object.keys(fresh))
  for (const [name, text] of Object.entries(fresh)) {
    t.ok(
      committed[name] === text,
      `src/api/gen/${name} is what \`npm run gen\` writes: run it and commit`
    )
  }
})

test('generated manifests are fresh', async (t) => {
  const checked = run(process.execPath, ['bin/gen-manifests.mjs', '--check'], {
    cwd: repositoryRoot
  })
  await t.resolves(checked, 'manifests/ and docs/ are what `npm run gen` writes: run it and commit')
})

const tapText = {
  nested: `TAP version 14
1..2
# Subtest: build/test/a.test.js
    # Subtest: one
        ok 1 - eq
        not ok 2 - ne
          ---
          diff: |
            ok 1 - not a point
            Bail out! neither
          ...
        1..2
    not ok 1 - one # time=3ms
    ok 2 - root only # SKIP no root
    1..2
not ok 1 - build/test/a.test.js # time=5ms
# Subtest: build/test/b.test.js
    ok 1 - fine
    1..1
ok 2 - build/test/b.test.js # time=5ms
`,
  crashed: `# Subtest: build/test/c.test.js
    ok 1 - fine
    1..3
not ok 1 - build/test/c.test.js # time=5ms
`,
  empty: `# Subtest: build/test/d.test.js
    1..0 # no tests found
ok 1 - build/test/d.test.js # SKIP no tests found
`,
  bailed: `# Subtest: build/test/e.test.js
    ok 1 - fine
Bail out! the end
`
}

test('the test run counts what was asserted', async (t) => {
  const cases = [
    { name: 'nested', passed: 2, failed: 1, skipped: 1, files: 2 },
    { name: 'crashed', passed: 1, failed: 1, skipped: 0, files: 1 },
    { name: 'empty', passed: 0, failed: 1, skipped: 0, files: 1 },
    { name: 'bailed', passed: 1, failed: 1, skipped: 0, files: 0 }
  ] as const
  for (const { name, ...counts } of cases) {
    const counted = run(process.execPath, ['bin/tap-tally.mjs'], { cwd: repositoryRoot })
    counted.child.stdin?.end(tapText[name])
    t.match(JSON.parse((await counted).stdout), counts, name)
  }
})
