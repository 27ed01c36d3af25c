import { SeccoError } from '../../src/lib/errors.js'

/** A verb with the options and sub-verbs that may follow it. */
export interface CompletionNode {
  name: string
  options: readonly string[]
  children: readonly CompletionNode[]
}

const shells = ['bash', 'zsh', 'fish'] as const

/** Returns every path of verbs with the words that may follow: `secco profile` → `show approve …`. */
function paths(node: CompletionNode, prefix = ''): { path: string; words: string[] }[] {
  const path = prefix === '' ? node.name : `${prefix} ${node.name}`
  const words = [...node.children.map((child) => child.name), ...node.options]
  return [{ path, words }, ...node.children.flatMap((child) => paths(child, path))]
}

/** Returns the script for bash. zsh uses it too: its `path` is PATH, and it reads `:C` in an expansion as a modifier. */
function bash(root: CompletionNode): string {
  const all = paths(root)
  const known = all.slice(1).map(({ path }) => `'${path}'`)
  const cases = all.map(({ path, words }) => `    '${path}') words='${words.join(' ')}' ;;`)
  return `# bash completion for secco; load it with: source <(secco completion bash)
_secco() {
  local verbs=secco words= at
  for ((at = 1; at < COMP_CWORD; at++)); do
    # A word that is no verb is an option, its value or a name.
    case "$verbs \${COMP_WORDS[at]}" in
      ${known.join(' | ')}) verbs="$verbs \${COMP_WORDS[at]}" ;;
    esac
  done
  case $verbs in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _secco secco
`
}

function fish(root: CompletionNode): string {
  const lines = paths(root).flatMap(({ path, words }) => {
    const verbs = path.split(' ').slice(1)
    const condition =
      verbs.length === 0
        ? '__fish_use_subcommand'
        : verbs.map((verb) => `__fish_seen_subcommand_from ${verb}`).join('; and ')
    return words.map((word) =>
      word.startsWith('--')
        ? `complete -c secco -n '${condition}' -l ${word.slice(2)}`
        : `complete -c secco -n '${condition}' -a ${word}`
    )
  })
  return `# fish completion for secco; load it with: secco completion fish | source\n${lines.join('\n')}\n`
}

/** Returns the completion script of a shell, made from the verbs themselves. @throws SeccoError INVALID_ARGUMENT */
export function completionScript(shell: string, root: CompletionNode): string {
  if (shell === 'bash') return bash(root)
  if (shell === 'fish') return fish(root)
  if (shell === 'zsh') return `autoload -U +X bashcompinit && bashcompinit\n${bash(root)}`
  throw new SeccoError('INVALID_ARGUMENT', `${shell}: no completion for this shell`, {
    hint: `choose one of ${shells.join(', ')}`
  })
}
