import { execFile } from 'node:child_process'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { runs } from '../helpers/fuzz.js'
import { repositoryRoot } from '../helpers/repository.js'

const run = promisify(execFile)
const native = join(repositoryRoot, 'native')

/** libFuzzer comes with clang in a package of its own, which bin/setup installs for tests. */
async function why(): Promise<string | false> {
  const probe = ['-fsanitize=fuzzer', '-x', 'c', '-', '-o', '/dev/null']
  const compiling = run('clang', probe)
  compiling.child.stdin?.end(
    'int LLVMFuzzerTestOneInput(const char *data, long size) { return 0; }'
  )
  return compiling.then(
    () => false,
    () => 'needs clang with libFuzzer (libclang-rt-dev)'
  )
}

const skip = await why()

test('the parsers in C and C++ withstand any input', { skip, timeout: 4 * 3600_000 }, async (t) => {
  await run('make', ['-C', native, 'fuzz'], { timeout: 600_000 })
  const targets = (await readdir(join(native, 'fuzz')))
    .filter((name) => /\.cc?$/.test(name))
    .map((name) => name.replace(/\..*/, ''))
  const corpora = await readdir(join(native, 'fuzz/corpus'))
  t.same(corpora.sort(), targets.sort(), 'each target has a corpus')
  // Kept for the next run, with the inputs that a fault was found with.
  const folder = join(native, 'build/fuzz-corpus')
  const count = runs(50_000)
  for (const target of targets) {
    const found = join(folder, target)
    await mkdir(found, { recursive: true })
    const options = [
      ...[
        '-close_fd_mask=1',
        `-runs=${count}`,
        '-max_len=4096',
        '-timeout=10',
        '-print_final_stats=1'
      ],
      `-artifact_prefix=${folder}/`
    ]
    const { stderr } = await run(
      join(native, 'build/fuzz', target),
      [...options, found, join(native, 'fuzz/corpus', target)],
      { cwd: folder, maxBuffer: 64 << 20 }
    ).catch((error: unknown) => ({ stderr: (error as { stderr?: string }).stderr ?? '' }))
    const done = Number(/stat::number_of_executed_units: (\d+)/.exec(stderr)?.[1] ?? 0)
    t.ok(
      done >= count,
      `${target}: ${done} runs of ${count}${done >= count ? '' : `\n${stderr.slice(-3000)}`}`
    )
  }
})
