import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { test } from 'tap'
import { repositoryRoot } from '../../helpers/repository.js'
import { seccoProgram } from '../../helpers/secco-program.js'

/** Files that go over all verbs or all options alike: naming an option there tests nothing of what it does. */
const generic = [
  'cli/lib/surface.test.ts',
  'cli/lib/options.test.ts',
  'cli/commands/completion.test.ts',
  'docs/documents.test.ts',
  'e2e/views/table.ts',
  'mutants/rows/cli.ts'
]

interface Named {
  /** The words of the verb; none for an option of the program itself. */
  verb: string[]
  option: Option
}

async function optionsOfProgram(): Promise<Named[]> {
  const program = await seccoProgram()
  const below = (command: Command, verb: string[]): Named[] => [
    ...command.options.map((option) => ({ verb, option })),
    ...command.commands.flatMap((each) => below(each, [...verb, each.name()]))
  ]
  return below(program, [])
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\-]/g, '\\$&')

/** Whether a text has the option as a word of its own, and every word of the verb. */
function names(text: string, { verb, option }: Named): boolean {
  const isThere = [option.long, option.short].some(
    (name) => name && new RegExp(`(^|['"\`= ])${escaped(name)}(['"\`= ,]|$)`, 'm').test(text)
  )
  return isThere && verb.every((word) => new RegExp(`\\b${escaped(word)}\\b`).test(text))
}

test('every option of every verb is used by a test', async (t) => {
  const root = join(repositoryRoot, 'test')
  const texts = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !generic.includes(path))
    .map((path) => readFileSync(join(root, path), 'utf8'))
  const all = await optionsOfProgram()
  t.ok(all.length > 150, `${all.length} options`)
  const without = all
    .filter((one) => !texts.some((text) => names(text, one)))
    .map(({ verb, option }) => [...verb, option.flags].join(' '))
  t.strictSame(without, [])

  // The rule itself, on made-up tests.
  const option = new Option('-s, --some-thing <value>')
  const one = { verb: ['do', 'it'], option }
  // [text, whether it names the option]
  const table: [string, boolean][] = [
    [`['do', 'it', '--some-thing', 'x']`, true],
    [`secco('do it -s x')`, true],
    ['do it --some-thing=x', true],
    ['do it --some-thing-else x', false],
    ['do it --no-some-thing', false],
    ['it --some-thing x', false]
  ]
  for (const [text, is] of table) t.equal(names(text, one), is, text)
})
