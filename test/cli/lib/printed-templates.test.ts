import { test } from 'tap'
import { documentPaths, readDocument } from '../../helpers/documents.js'
import {
  commandsOfFile,
  commandsOfSource,
  commandsOfText,
  hole,
  type PrintedCommand,
  problemOf,
  seccoParser,
  textsWithVerbs
} from '../../helpers/printed-commands.js'
import { readRooms } from '../../helpers/source-tree.js'

/** Texts that are no command, by file and beginning. */
const noCommands: readonly [path: string, rest: RegExp, why: string][] = [
  ['cli/commands/completion.ts', /^-n '/, 'complete -c secco -n … is a command of fish'],
  ['cli/install/network.ts', /^authority$/, 'a name in a certificate'],
  ['certs/authority.ts', /^authority HOLE$/, 'a name in a certificate'],
  ['cli/lib/version.ts', /^HOLE \(Node /, 'the name of the program and its version'],
  ['cli/install/install.ts', /^HOLE$/, 'the words that were typed'],
  ['cli/lib/json-path.ts', /^does, /, 'a sentence about kubectl'],
  ['src/rules/observe.ts', /^would:/, 'a sentence about Secco'],
  ['webhook/admission/final-state-policy.ts', /^webhook was /, 'a sentence about the webhook'],
  ['webhook/admission/final-state-policy.ts', /^(?:profile nor|revision|gives) /, 'a sentence'],
  ['webhook/admission/rule-policy.ts', /^webhook was /, 'a sentence about the webhook']
]

/** Verbs of kubectl that Secco prints. */
const kubectlVerbs = new RegExp(
  '^(?:(?:-n|--kubeconfig) \\S+ )?(?:apply|auth|config|create|delete|describe|get|label|logs|patch|' +
    'port-forward|rollout|scale|taint|version|wait)\\b'
)

const isCommand = (one: PrintedCommand): boolean =>
  !noCommands.some(([path, rest]) => one.path === path && rest.test(one.rest))

test('every command in the strings of the product can be parsed', async (t) => {
  const parse = await seccoParser()
  const files = readRooms()
  const all = files.flatMap(({ path }) => commandsOfFile(path))
  const secco = all.filter(({ program }) => program === 'secco')
  const kubectl = all.filter(({ program }) => program === 'kubectl')
  t.ok(secco.length > 300, `${secco.length} commands of secco`)
  t.ok(kubectl.length > 55, `${kubectl.length} commands of kubectl`)
  const problems: string[] = []
  for (const one of secco.filter(isCommand)) {
    const problem = await problemOf(one, parse)
    if (problem !== undefined) problems.push(`${one.path}:${one.line}: ${one.rest}: ${problem}`)
  }
  for (const one of kubectl.filter(isCommand))
    if (one.rest !== '' && !kubectlVerbs.test(one.rest))
      problems.push(`${one.path}:${one.line}: kubectl ${one.rest}`)
  t.strictSame(problems, [])

  for (const [path, rest, why] of noCommands)
    t.ok(
      all.some((one) => one.path === path && rest.test(one.rest)),
      `${path}: ${why}`
    )
  // A second way to look, so that a text which the first one does not reach is noticed.
  const found = new Set(all.map(({ path }) => path))
  const named = files.filter(({ text }) => textsWithVerbs(text).length > 0)
  t.ok(named.length > 90, `${named.length} files`)
  t.strictSame(
    named.filter(({ path }) => !found.has(path)).map(({ path }) => path),
    []
  )
})

test('a wrong command is found wherever it stands', async (t) => {
  const parse = await seccoParser()
  // [source text, what is printed, the problem]
  const table: [source: string, rest: string, problem: RegExp | undefined][] = [
    ["const a = 'see `secco ps -A`'", 'ps -A', undefined],
    ["const a = 'see `secco pss -A`'", 'pss -A', /unknown command/],
    ['f({ hint: `run secco promote ${key}` })', `promote ${hole}`, /missing required argument/],
    ['f(`secco ps ${a ? "--wrnog" : ""}`)', 'ps --wrnog', /unknown option/],
    ["const verb = 'secco ps --al'; f(`x: ${verb} -n y`)", 'ps --al -n y', /unknown option/],
    ["f('run secco rollback ' + name + ' and wait')", `rollback ${hole} and wait`, /--reason/],
    ["f('find it with secco ps and restart it')", 'ps and restart it', undefined],
    ["f('find it with `secco ps and restart it`')", 'ps and restart it', /too many arguments/],
    ["f('secco profile approve.')", 'profile approve.', /missing required argument/],
    ["f('secco ps; secco gett nodes')", 'gett nodes', /unknown command/],
    ['f(`start it: secco up --state ${a} ${b}`)', `up --state ${hole} ${hole}`, undefined],
    ['const a = <Command text="secco block --dry" />', 'block --dry', /unknown option/],
    ['const a = <p>see <code>secco blocks</code></p>', 'blocks', /unknown command/]
  ]
  for (const [source, rest, expected] of table) {
    const one = commandsOfSource('made-up.tsx', source).find((each) => each.rest === rest)
    if (one === undefined) {
      t.fail(`${source}: the command is not found`)
      continue
    }
    const problem = await problemOf(one, parse)
    if (expected === undefined) t.equal(problem, undefined, source)
    else t.match(problem, expected, source)
  }
})

test('every command in running text of the documents can be parsed', async (t) => {
  const parse = await seccoParser()
  const paths = [...documentPaths(), 'docs/reference/conditions.md', 'docs/reference/errors.md']
  const problems: string[] = []
  let count = 0
  for (const path of [...paths, 'docs/reference/api.md', 'docs/reference/statements.md']) {
    const text = readDocument(path).replace(/^( *)```[^]*?^ *```/gm, '')
    for (const one of commandsOfText(text)) {
      if (one.program !== 'secco' || !one.isQuoted || one.rest === 'NAME') continue
      count += 1
      const problem = await problemOf(one, parse)
      // The verb alone is its name, as `kubectl get` is.
      const isName = /^[a-z-]+(?: [a-z-]+)?$/.test(one.rest) && !/unknown/.test(problem ?? '')
      if (problem !== undefined && !isName) problems.push(`${path}: ${one.rest}: ${problem}`)
    }
  }
  t.ok(count > 200, `${count} commands`)
  t.strictSame([...new Set(problems)], [])
})
