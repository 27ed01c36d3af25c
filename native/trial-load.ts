import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { launcherPath } from './launcher.js'

/** `linux.seccomp` of the OCI runtime-spec, as far as a kernel's opinion of it goes. */
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

/** `skipped`: names that this machine's libseccomp does not know; runtimes skip them too. */
export type TrialResult = { ok: true; skipped: string[] } | { ok: false; reason: string }

const eperm = 1
/** libseccomp may need forever for many conditions on one call; so would every container's start. */
const longestMs = 20_000

/** The launcher's line format: one fact a line, words apart by a space (native/programs/launcher.c). */
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
 * Builds the profile with libseccomp, as a runtime would, and loads it in a child process.
 * Names with blanks or line ends are refused: they would change the meaning of the lines.
 */
export async function trialLoad(profile: TrialProfile): Promise<TrialResult> {
  const answer = await ask('trial', profile)
  if (answer.reason !== undefined) return { ok: false, reason: answer.reason }
  return { ok: true, skipped: skippedIn(answer.said) }
}

/** A profile as this machine's libseccomp builds it. */
export interface CompiledFilter {
  /** Instructions (struct sock_filter, 8 bytes each). */
  bytes: Buffer
  /** Names that it does not know: no rule was made of them. */
  skipped: string[]
}

const skippedIn = (said: readonly string[]): string[] => [
  ...new Set(said.flatMap((line) => (line.startsWith('skip ') ? [line.slice(5)] : [])))
]

/**
 * What this machine's libseccomp makes of a profile: what a runtime that builds it the same way gives to
 * the kernel (runc puts a few instructions of its own in front). undefined when it cannot be built.
 */
export async function compileFilter(profile: TrialProfile): Promise<CompiledFilter | undefined> {
  const answer = await ask('compile', profile)
  const hex = answer.said.find((line) => line.startsWith('filter '))?.slice(7)
  if (answer.reason !== undefined || hex === undefined) return undefined
  return { bytes: Buffer.from(hex, 'hex'), skipped: skippedIn(answer.said) }
}

async function ask(
  mode: 'trial' | 'compile',
  profile: TrialProfile
): Promise<{ said: string[]; reason?: string }> {
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
  if (odd !== undefined) return { said: [], reason: `${JSON.stringify(odd)} is not a name` }

  const child = spawn(launcherPath(), [mode], {
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: longestMs,
    killSignal: 'SIGKILL'
  })
  const closed = once(child, 'close')
  // Without a descriptor left there are no pipes either: that throws below, before anybody waits for this.
  closed.catch(() => undefined)
  try {
    // It may refuse before it has read everything.
    child.stdin.on('error', () => undefined)
    child.stdin.end(`${lines.join('\n')}\n`)
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), closed])
    const said = out.split('\n')
    if (child.exitCode === 0) return { said }
    if (child.signalCode === 'SIGKILL') {
      return { said, reason: `building the filter took longer than ${longestMs / 1000} s` }
    }
    const reason = said.find((line) => line.startsWith('reason '))?.slice(7) ?? err.trim()
    return { said, reason: reason === '' ? 'the trial process died' : reason }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { said: [], reason: `the trial cannot be run: ${message}` }
  }
}
