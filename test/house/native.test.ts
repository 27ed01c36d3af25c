import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { repositoryRoot } from '../helpers/repository.js'

const run = promisify(execFile)

/** Paths of every C, C++ and BPF file of the checkout, without what is built. */
function cSources(): string[] {
  return ['native', 'test']
    .flatMap((room) =>
      readdirSync(join(repositoryRoot, room), { recursive: true, encoding: 'utf8' }).map((name) =>
        join(room, name)
      )
    )
    .filter((path) => /\.(c|cc|h)$/.test(path) && !path.startsWith('native/build/'))
    .sort()
}

/** Returns what clang-format reports; empty if the files, or the text, are formatted. */
async function formatProblems(args: readonly string[], text?: string): Promise<string> {
  const checked = run('clang-format', ['--dry-run', '-Werror', ...args], { cwd: repositoryRoot })
  checked.child.stdin?.end(text)
  return checked.then(
    () => '',
    (error: unknown) => String((error as { stderr?: string }).stderr ?? error)
  )
}

test('C and C++ are formatted', async (t) => {
  const sources = cSources()
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

/** A text without comments, strings and preprocessor lines; line ends stay. */
function codeOf(text: string): string {
  return text
    .replace(/\/\*[^]*?\*\/|\/\/[^\n]*/g, (comment) => comment.replace(/[^\n]/g, ''))
    .replace(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, '0')
    .replace(/^[ \t]*#(?:[^\n]*\\\n)*[^\n]*/gm, (line) => line.replace(/[^\n]/g, ''))
}

/** Returns the index of the bracket that closes the one at `open`. */
function closing(code: string, open: number): number {
  let depth = 0
  for (let at = open; at < code.length; at += 1) {
    if (code[at] === '{') depth += 1
    if (code[at] === '}') depth -= 1
    if (depth === 0) return at
  }
  return code.length
}

/**
 * Returns what a C++ header defines and should only declare: unnamed namespaces, and functions that are neither
 * templates, inline or constexpr, nor one line in a class.
 */
function definitionsIn(path: string, text: string): string[] {
  const code = codeOf(text)
  const found: string[] = []
  const report = (at: number, what: string) =>
    found.push(`${path}:${code.slice(0, at).split('\n').length}: ${what}`)
  function scan(from: number, to: number, inClass: boolean): void {
    let head = from
    for (let at = from; at < to; at += 1) {
      if (code[at] === ';') head = at + 1
      if (code[at] !== '{') continue
      const declared = code.slice(head, at).replace(/\b(public|private|protected):/g, '')
      const end = closing(code, at)
      if (/\bnamespace\b/.test(declared)) {
        if (/\bnamespace\s*$/.test(declared)) report(at, 'unnamed namespace')
        scan(at + 1, end, false)
      } else if (/\b(class|struct|union)\b[^()]*$/.test(declared)) {
        scan(at + 1, end, true)
      } else if (declared.includes('(')) {
        const isTemplate = /\b(template|inline|constexpr)\b/.test(declared)
        const isOneLine = inClass && !code.slice(at, end).includes('\n')
        if (!isTemplate && !isOneLine)
          report(at, `function ${declared.trim().split('\n')[0] ?? ''}`)
      }
      at = end
      head = end + 1
    }
  }
  scan(0, code.length, false)
  return found
}

test('C++ headers declare, .cc files define', (t) => {
  const headers = cSources().filter((path) => /^native\/addon\/.*\.h$/.test(path))
  t.ok(headers.length > 10)
  t.same(
    headers.flatMap((path) =>
      definitionsIn(path, readFileSync(join(repositoryRoot, path), 'utf8'))
    ),
    []
  )
  const made = `
#define TWICE(x) { x; x; }
namespace secco {
namespace {
int hidden() { return 1; }
}
/* void commented() {} */
int declared(int a);
int defined(int a) {
  return a;
}
inline int small() { return 1; }
template <typename T>
T either(T a) {
  return a;
}
constexpr const char *name = "void text() {";
struct Row {
  int values[2] = {1, 2};
  enum Kind { one, two };
};
class Thing {
 public:
  explicit Thing(int a) : a_(a) {}
  int a() const { return a_; }
  ~Thing() {
    a_ = 0;
  }
  template <typename Do>
  void each(Do what) const {
    what(a_);
  }

 private:
  int a_ = 0;
};
}
`
  t.same(definitionsIn('made.h', made), [
    'made.h:4: unnamed namespace',
    'made.h:5: function int hidden()',
    'made.h:9: function int defined(int a)',
    'made.h:26: function ~Thing()'
  ])
  t.end()
})
