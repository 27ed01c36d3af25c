import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import type { Command } from 'commander'
import { test } from 'tap'
import {
  allShellBlocks,
  documentPaths,
  readDocument,
  seccoCommands,
  shellBlocks
} from '../helpers/documents.js'
import { repositoryRoot } from '../helpers/repository.js'
import { seccoProgram } from '../helpers/secco-program.js'

/** Who runs the blocks of a marker, and where that is written. */
const runners: Record<string, string> = {
  setup: '.ci/run and test/e2e/loop.test.ts: npm start, on a fresh machine',
  'five-minutes': 'test/e2e/five-minutes.test.ts',
  embedded: 'test/e2e/documents.test.ts',
  cluster: 'test/e2e/cluster-command.test.ts',
  strict: 'test/e2e/strict.test.ts',
  gitops: 'test/webhook/cluster/gitops.test.ts'
}

test('every sh block is run by a test, or gives the reason why it is not', (t) => {
  const blocks = allShellBlocks()
  const unmarked = blocks.filter(({ runner, reason }) => (runner ?? reason) === undefined)
  t.same(
    unmarked.map(({ path, line }) => `${path}:${String(line)}`),
    []
  )
  t.same(
    [...new Set(blocks.flatMap(({ runner = [] }) => runner))].sort(),
    Object.keys(runners).sort()
  )
  t.same(
    shellBlocks('a.md', 'x\n```sh\nls\n```\n\n<!-- not run: none -->\n```sh\npwd\n```\n'),
    [
      { path: 'a.md', line: 2, text: 'ls\n' },
      { path: 'a.md', line: 7, text: 'pwd\n', reason: 'none' }
    ],
    'a block without a marker is found'
  )
  t.end()
})

/** Returns what is wrong with the verb or an option of a command line; empty when it could be run. */
function commandProblems(program: Command, args: readonly string[]): string[] {
  let command = program
  const known = new Set<string>(['--help', '-h', '--version', '-V'])
  const learn = (one: Command) =>
    one.options.forEach(({ long, short }) => {
      if (long != null) known.add(long)
      if (short != null) known.add(short)
    })
  learn(program)
  const problems: string[] = []
  for (const word of args) {
    if (word === '--') break
    const next = command.commands.find((one) => one.name() === word)
    if (next !== undefined) {
      command = next
      learn(next)
    } else if (command === program && !word.startsWith('-') && !word.includes('/')) {
      if (/^[a-z]/.test(word)) problems.push(`there is no verb ${word}`)
    } else if (/^-/.test(word) && word.length > 1) {
      const name = word.split('=')[0] ?? word
      if (!known.has(name)) problems.push(`${command.name()} has no option ${name}`)
    }
  }
  return problems
}

test('every secco command in a document has a verb and options that exist', async (t) => {
  const program = await seccoProgram()
  const found = allShellBlocks().flatMap(({ path, line, text }) =>
    seccoCommands(text).flatMap((args) =>
      commandProblems(program, args).map((problem) => `${path}:${String(line)}: ${problem}`)
    )
  )
  t.same(found, [])
  t.same(seccoCommands('sudo bin/secco ps --wrong  # all\nls | secco apply -f - && echo secco'), [
    ['ps', '--wrong'],
    ['apply', '-f', '-']
  ])
  t.same(commandProblems(program, ['ps', '--right', 'x']), ['ps has no option --right'])
  t.same(commandProblems(program, ['pss']), ['there is no verb pss'])
})

const slug = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[`*_]/g, '')
    .replace(/[^\p{L}\p{N} -]/gu, '')
    .trim()
    .replaceAll(' ', '-')

const anchorsOf = (document: string): string[] =>
  [...document.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => slug(heading))

function brokenLinks(path: string, document: string): string[] {
  return [...document.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
    if (/^[a-z]+:/.test(target)) return []
    const [file = '', anchor] = target.split('#')
    const to = file === '' ? path : normalize(join(dirname(path), file))
    if (!existsSync(join(repositoryRoot, to))) return [`${path}: ${target}`]
    const isFile = statSync(join(repositoryRoot, to)).isFile()
    if (anchor === undefined || !isFile) return []
    return anchorsOf(readDocument(to)).includes(anchor) ? [] : [`${path}: ${target}`]
  })
}

test('every link leads to a file and a heading that exist', (t) => {
  t.same(
    documentPaths().flatMap((path) => brokenLinks(path, readDocument(path))),
    []
  )
  t.same(brokenLinks('README.md', '[a](docs/nothing.md) [b](#no-heading) [c](docs/adr)'), [
    'README.md: docs/nothing.md',
    'README.md: #no-heading'
  ])
  t.end()
})

/** Paths of the tree in backticks: they start with a folder of the product or of the tests. */
const namedPaths = (document: string): string[] =>
  [
    ...document.matchAll(/`((?:cli|src|webhook|satellite|native|certs|image|test|bin)\/[\w./-]+)`/g)
  ].map(([, path = '']) => path)

test('every path of the tree that a document names exists', (t) => {
  const missing = documentPaths().flatMap((document) =>
    namedPaths(readDocument(document))
      .filter((path) => !path.includes('…') && !existsSync(join(repositoryRoot, path)))
      .map((path) => `${document}: ${path}`)
  )
  t.same(
    missing.filter((line) => !/NAME|FILE|bin\/secco$/.test(line)),
    []
  )
  t.same(namedPaths('`src/lib/errors.ts` and `README.md`, `bin/setup`'), [
    'src/lib/errors.ts',
    'bin/setup'
  ])
  t.end()
})

/** Names in backticks that are written like a function or constant of the code. */
const namedInCode = (document: string): string[] =>
  [...document.matchAll(/`([a-z]+[A-Z]\w*)[`(]/g)].map(([, name = '']) => name)

test('every function that CONTRIBUTING.md names exists', (t) => {
  const code = ['cli', 'src', 'webhook', 'satellite', 'test', 'bin'].flatMap((folder) =>
    readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.(ts|tsx|mjs)$/.test(path))
      .map((path) => readFileSync(join(repositoryRoot, folder, path), 'utf8'))
  )
  const isDefined = (name: string) => {
    const definition = new RegExp(`^(export )?(async )?(function|const) ${name}\\b`, 'm')
    return code.some((text) => definition.test(text))
  }
  const names = namedInCode(readDocument('CONTRIBUTING.md'))
  t.ok(names.length > 5, `${names.length} names`)
  t.same(
    names.filter((name) => !isDefined(name)),
    []
  )
  t.notOk(isDefined('hubsOfNowhere'), 'a name that is not defined is found')
  t.end()
})

test('README.md and CHANGELOG.md stay short', (t) => {
  t.ok(Buffer.byteLength(readDocument('README.md')) <= 6144, 'README.md: at most 6 KB')
  t.ok(readDocument('CHANGELOG.md').split('\n').length <= 60, 'CHANGELOG.md: at most 60 lines')
  t.end()
})
