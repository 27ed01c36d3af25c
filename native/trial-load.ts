import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { launcherPath } from './launcher.js'

/** `linux.seccomp` of the OCI runtime-spec, as far as the kernel can accept or reject it. */
export interface TrialProfile {
  defaultAction: string
  defaultErrnoRet?: number
  architectures?: readonly string[]
  syscalls?: readonly {
    names: readonly string[]
    action: string
    errnoRet?: number
    args?: readonly {
      index: number
      value: number | bigint
      valueTwo?: number | bigint
      op: string
    }[]
  }[]
}

/** With the filter that was loaded. */
export type TrialResult = ({ ok: true } & CompiledFilter) | { ok: false; reason: string }

const eperm = 1
/** libseccomp may need very long for many conditions on one call; so would every container's start. */
const longestMs = 20_000

/** Returns a profile in the line format of native/programs/launcher.c: one fact a line, words separated by a space. */
export function trialLines(profile: TrialProfile): string[] {
  const lines = [`default ${profile.defaultAction} ${profile.defaultErrnoRet ?? eperm}`]
  for (const arch of profile.architectures ?? []) {
    lines.push(`arch ${arch.replace(/^SCMP_ARCH_/, '').toLowerCase()}`)
  }
  for (const rule of profile.syscalls ?? []) {
    const args = (rule.args ?? []).map(
      (arg) => ` ${arg.index}:${arg.op}:${arg.value}:${arg.valueTwo ?? 0}`
    )
    for (const name of rule.names) {
      lines.push(`rule ${rule.action} ${rule.errnoRet ?? eperm} ${name}${args.join('')}`)
    }
  }
  return lines
}

/**
 * Builds the profile with libseccomp, as a runtime does, and loads it in a child process. Names with blanks or line
 * ends are rejected: they would change the meaning of the lines.
 */
export async function trialLoad(profile: TrialProfile): Promise<TrialResult> {
  const answer = await ask('trial', profile)
  if (answer.reason !== undefined) return { ok: false, reason: answer.reason }
  const filter = filterIn(answer.lines)
  if (filter === undefined) return { ok: false, reason: 'the trial printed no filter' }
  return { ok: true, ...filter }
}

/** A profile as this machine's libseccomp builds it. */
export interface CompiledFilter {
  /** Instructions (struct sock_filter, 8 bytes each). */
  bytes: Buffer
  /** Names that this machine's libseccomp does not know: they have no rule, runtimes skip them too. */
  skipped: string[]
}

const skippedIn = (lines: readonly string[]): string[] => [
  ...new Set(lines.flatMap((line) => (line.startsWith('skip ') ? [line.slice(5)] : [])))
]

function filterIn(lines: readonly string[]): CompiledFilter | undefined {
  const hex = lines.find((line) => line.startsWith('filter '))?.slice(7)
  if (hex === undefined) return undefined
  return { bytes: Buffer.from(hex, 'hex'), skipped: skippedIn(lines) }
}

/**
 * Compiles a profile with this machine's libseccomp, as a runtime does that gives it to the kernel (runc puts a few
 * instructions of its own in front). Resolves with undefined if it cannot be built.
 */
export async function compileFilter(profile: TrialProfile): Promise<CompiledFilter | undefined> {
  const answer = await ask('compile', profile)
  return answer.reason === undefined ? filterIn(answer.lines) : undefined
}

async function ask(
  mode: 'trial' | 'compile',
  profile: TrialProfile
): Promise<{ lines: string[]; reason?: string }> {
  const lines = trialLines(profile)
  const odd = [
    profile.defaultAction,
    ...(profile.architectures ?? []),
    ...(profile.syscalls ?? []).flatMap((rule) => [
      rule.action,
      ...rule.names,
      ...(rule.args ?? []).map((arg) => arg.op)
    ])
  ].find((word) => !/^\w+$/.test(word))
  if (odd !== undefined) return { lines: [], reason: `${JSON.stringify(odd)} is not a name` }

  const child = spawn(launcherPath(), [mode], {
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: longestMs,
    killSignal: 'SIGKILL'
  })
  const closed = once(child, 'close')
  // Without a descriptor left there are no pipes either: then the code below throws before it awaits this.
  closed.catch(() => undefined)
  try {
    // The child may end before it has read everything.
    child.stdin.on('error', () => undefined)
    child.stdin.end(`${lines.join('\n')}\n`)
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), closed])
    const printed = out.split('\n')
    if (child.exitCode === 0) return { lines: printed }
    if (child.signalCode === 'SIGKILL') {
      return {
        lines: printed,
        reason: `building the filter took longer than ${longestMs / 1000} s`
      }
    }
    const reason = printed.find((line) => line.startsWith('reason '))?.slice(7) ?? err.trim()
    return { lines: printed, reason: reason === '' ? 'the trial process died' : reason }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { lines: [], reason: `the trial cannot be run: ${message}` }
  }
}
