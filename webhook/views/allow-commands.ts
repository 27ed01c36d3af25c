import type { DenialView } from './denial-view.js'

/** Syscalls that one request may allow. */
const maxSyscalls = 64

const commandOfHint = /(?:^|: )secco denials allow (\S+\/\S+) (\S+)$/

/** AllowCommand shows what allowing several denied syscalls in one profile changes; with `--yes` it allows them. */
interface AllowCommand {
  /** `namespace/name`. */
  profile: string
  count: number
  command: string
}

/**
 * Returns one command for each profile that has several open denials, in the order in which the profiles occur. A denial of
 * which the next step is another one (an emergency block, a pin, an approval) is in none of them.
 */
export function allowCommands(
  denials: readonly Pick<DenialView, 'state' | 'hint'>[]
): AllowCommand[] {
  const calls = new Map<string, Set<string>>()
  for (const { state, hint } of denials) {
    const [, profile, call] = (state === 'open' && commandOfHint.exec(hint)) || []
    if (
      profile === undefined ||
      call === undefined ||
      / or secco |secco profile approve /.test(hint)
    )
      continue
    calls.set(profile, (calls.get(profile) ?? new Set()).add(call))
  }
  return [...calls]
    .filter(([, { size }]) => size > 1)
    .map(([profile, all]) => {
      const words = [...all].sort().slice(0, maxSyscalls)
      return {
        profile,
        count: words.length,
        command: `secco denials allow ${profile} ${words.join(' ')}`
      }
    })
}

/** Profiles whose commands are printed. */
const maxPrinted = 5

/** Returns these commands as next steps, at most five. */
export function allowTexts(denials: Parameters<typeof allowCommands>[0]): string[] {
  return allowCommands(denials)
    .slice(0, maxPrinted)
    .map(
      ({ profile, count, command }) =>
        `see what allowing the ${count} denied calls of ${profile} changes: ${command}`
    )
}
