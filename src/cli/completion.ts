import { SeccoError } from '../errors.js'

/** A verb and what may follow it, as the completion scripts need it. */
export interface CompletionNode {
  name: string
  options: readonly string[]
  children: readonly CompletionNode[]
}

const shells = ['bash', 'zsh', 'fish'] as const

/** Every path of verbs with the words that may follow: `secco profile` → `show approve …`. */
function paths(node: CompletionNode, prefix = ''): { path: string; words: string[] }[] {
  const path = prefix === '' ? node.name : `${prefix} ${node.name}`
  const words = [...node.children.map((child) => child.name), ...node.options]
  return [{ path, words }, ...node.children.flatMap((child) => paths(child, path))]
}

function bash(root: CompletionNode): string {
  const cases = paths(root).map(({ path, words }) => `    '${path}') words='${words.join(' ')}' ;;`)
  return `# bash completion for secco; load it with: source <(secco completion bash)
_secco() {
  local path=secco word words=
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] || path="$path $word"
  done
  case $path in
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

/** The completion script of a shell, made from the verbs themselves. INVALID_ARGUMENT for another shell. */
export function completionScript(shell: string, root: CompletionNode): string {
  if (shell === 'bash') return bash(root)
  if (shell === 'fish') return fish(root)
  if (shell === 'zsh') return `autoload -U +X bashcompinit && bashcompinit\n${bash(root)}`
  throw new SeccoError('INVALID_ARGUMENT', `${shell}: no completion for this shell`, {
    hint: `choose one of ${shells.join(', ')}`
  })
}
