import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { type Test, test } from 'tap'
import { runSecco } from '../../helpers/secco-command.js'

/** What is typed before the key, and the last word after it. */
const cases: readonly [string, string][] = [
  ['secco den', 'denials'],
  ['secco profile ext', 'extend'],
  ['secco satellite --rec', '--record'],
  ['secco satellite --record always --p', '--pin'],
  ['secco profile show web --out', '--output']
]

const run = promisify(execFile)
const timeout = 60_000

/** Types each line into a real zsh, presses the key, and lets it say what it would have run. */
const zsh = `zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1=; autoload -Uz compinit; compinit -u -D; source '"$1"'; secco() { print -r -- "<$*>" }'
shift
for line; do
  zpty -w -n shell "$line"$'\\t\\n'
  zpty -r shell said "*<\${line#secco }*>*" || exit 1
  print -r -- "\${\${said##*<}%%>*}"
done
zpty -d shell
`

/** What a shell makes of each line of `cases`, in their order. */
const shells: Record<string, (folder: string, script: string) => Promise<string[]>> = {
  bash: async (_folder, script) =>
    Promise.all(
      cases.map(async ([line]) => {
        const words = `COMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _secco`
        const asked = `source ${script}; ${words}; echo "\${COMPREPLY[@]}"`
        return (await run('bash', ['-c', asked], { timeout })).stdout.trim()
      })
    ),
  zsh: async (folder, script) => {
    await writeFile(join(folder, 'type.zsh'), zsh)
    const lines = cases.map(([line]) => line)
    const args = ['-f', join(folder, 'type.zsh'), script, ...lines]
    const { stdout } = await run('zsh', args, { timeout })
    return stdout.trimEnd().split('\n')
  },
  fish: async (_folder, script) =>
    Promise.all(
      cases.map(async ([line]) => {
        const asked = `source ${script}; complete -C '${line}'`
        const { stdout } = await run('fish', ['--no-config', '-c', asked], { timeout })
        return stdout.trim()
      })
    )
}

async function scriptOf(t: Test, shell: string): Promise<{ folder: string; script: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'secco-completion-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const script = join(folder, `secco.${shell}`)
  await writeFile(script, (await runSecco(['completion', shell])).stdout)
  return { folder, script }
}

const isHere = (shell: string): boolean =>
  (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, shell)))

for (const [shell, complete] of Object.entries(shells)) {
  const skip = isHere(shell) ? false : `there is no ${shell} on this machine`
  test(`${shell} completes verbs and options, behind values and names too`, { skip }, async (t) => {
    const { folder, script } = await scriptOf(t, shell)
    const found = await complete(folder, script)
    for (const [at, [line, word]] of cases.entries()) {
      t.ok(found[at]?.split(/\s+/).includes(word), `${line}: ${word}`)
    }
  })
}
