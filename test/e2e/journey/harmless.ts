/** How a command that a test did not ask for is run without changing what the test is about, and why. */
interface Harmless {
  /** What is added to it; '' runs it as printed. */
  added: string
  why: string
}

/** By the words of the command; the first that matches counts. */
const table: readonly [RegExp, Harmless][] = [
  [/ --(?:help|dry-run)\b/, { added: '', why: 'it changes nothing' }],
  [
    /^secco (?:-\S+ \S+ )*(?:profile (?:approve|apply)|promote|rule (?:create|apply)|block \S+|install|uninstall)\b/,
    { added: '--dry-run', why: 'a person decides about it' }
  ],
  [/^secco .*--(?:yes|force)\b/, { added: '--help', why: 'a person decides about it' }],
  [
    /^secco (?:-\S+ \S+ )*(?:rollback|profile (?:call|delete|extend)|rule delete|denials mute)\b/,
    { added: '--help', why: 'it changes an object and has no dry run' }
  ],
  [
    /^secco (?:-\S+ \S+ )*(?:trace|learn|up|webhook|satellite|ui|doctor)\b/,
    { added: '--help', why: 'it is for a node or runs on' }
  ],
  [
    /^kubectl (?:-\S+ \S+ )*(?:delete|label|patch|scale|create|apply|taint)\b/,
    { added: '--dry-run=server', why: 'it changes an object' }
  ],
  [
    /^kubectl (?:-\S+ \S+ )*(?:rollout restart|port-forward)\b/,
    { added: '--help', why: 'it restarts pods or runs on, and has no dry run' }
  ]
]

/** Returns how a printed command is typed where its change is not wanted. Pure. */
export function harmless(command: string): Harmless {
  return table.find(([form]) => form.test(command))?.[1] ?? { added: '', why: 'it changes nothing' }
}
