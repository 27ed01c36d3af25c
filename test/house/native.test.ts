import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { repositoryRoot } from '../helpers/repository.js'

const run = promisify(execFile)

/** Every C, C++ and BPF file of the checkout, without what is built. */
function nativeSources(): string[] {
  return ['native', 'test']
    .flatMap((room) =>
      readdirSync(join(repositoryRoot, room), { recursive: true, encoding: 'utf8' }).map((name) =>
        join(room, name)
      )
    )
    .filter((path) => /\.(c|cc|h)$/.test(path) && !path.startsWith('native/build/'))
    .sort()
}

/** What clang-format complains of; empty: nothing. `assumed` says which style applies to `text`. */
async function formatProblems(args: readonly string[], text?: string): Promise<string> {
  const checked = run('clang-format', ['--dry-run', '-Werror', ...args], { cwd: repositoryRoot })
  checked.child.stdin?.end(text)
  return checked.then(
    () => '',
    (error: unknown) => String((error as { stderr?: string }).stderr ?? error)
  )
}

test('C and C++ are formatted', async (t) => {
  const sources = nativeSources()
  t.ok(sources.some((path) => path.endsWith('.bpf.c')) && sources.some((p) => p.endsWith('.cc')))
  t.equal(await formatProblems(sources), '', 'clang-format -i has nothing to change')
  for (const [path, good, bad] of [
    ['native/bpf/a.c', 'int f(void)\n{\n\treturn 1;\n}\n', 'int f(void) {\n  return 1;\n}\n'],
    ['native/addon/a.cc', 'int f() { return 1; }\n', 'int f()\n{\n\treturn 1;\n}\n']
  ] as const) {
    const assumed = [`--assume-filename=${path}`]
    t.equal(await formatProblems(assumed, good), '', path)
    t.match(await formatProblems(assumed, bad), /clang-format-violations/, path)
  }
})
