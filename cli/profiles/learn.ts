import { spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { apiVersion } from '../../src/api/names.js'
import type { SeccompProfile } from '../../src/api/seccomp-profile.js'
import { SeccoError } from '../../src/lib/errors.js'
import { plural } from '../../src/lib/plural.js'
import { type Abi, abis } from '../../src/syscalls/abi.js'
import { evidenceOf, lastNewMs } from '../../src/seccomp/review/evidence.js'
import type { EvidenceItem } from '../../src/seccomp/review/evidence-item.js'
import { riskOf } from '../../src/seccomp/policy/risk.js'
import { runtimeDefaultNames } from '../../src/seccomp/policy/runtime-default.js'
import { sizeOfSet, subtractSets, type SyscallSet } from '../../src/syscalls/syscall-set.js'
import type { ObjectRef, Store } from '../../src/store/store.js'
import { type Io, paint, plain } from '../lib/io.js'
import { printObject } from '../lib/output.js'

/** Exit codes in addition to 0, 1 and that of the test command. */
const learnExit = { notConfident: 3, newCalls: 4 } as const

export interface LearnArgs {
  ref: ObjectRef
  /** The test command; empty: only checks the evidence. */
  command: readonly string[]
  untilConfident: boolean
  /** Required items of evidence; see `secco profile show`. */
  require: readonly string[]
  /** Time without new syscalls, in ms. */
  quietMs: number
  timeoutMs: number
  baseline: { path: string; set: SyscallSet } | undefined
  output: 'table' | 'json' | 'yaml'
}

interface LearnDependencies {
  io: Io
  store: Pick<Store, 'get'>
  now: () => number
  signal: AbortSignal
}

/** Every profile needs this evidence; the other items many workloads can never have. */
const defaultRequire = ['instances', 'whole', 'abis', 'start', 'serve', 'stop', 'lost']

/** Reads a baseline: `{"x86_64": ["read", …]}`, or a document with such a `status.observed`. @throws SeccoError */
export function parseBaseline(text: string, path: string): SyscallSet {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new SeccoError('INVALID_DOCUMENT', `${path}: is not JSON`, { cause })
  }
  const { status, observed } = (value ?? {}) as {
    status?: { observed?: unknown }
    observed?: unknown
  }
  const raw = (status?.observed ?? observed ?? value ?? {}) as Record<string, unknown>
  const set: SyscallSet = {}
  for (const abi of abis) {
    const names = raw[abi]
    if (Array.isArray(names))
      set[abi] = names.filter((name: unknown): name is string => typeof name === 'string').sort()
  }
  if (sizeOfSet(set) > 0) return set
  throw new SeccoError(
    'INVALID_DOCUMENT',
    `${path}: holds no names of any ABI (${abis.join(', ')})`,
    {
      hint: 'make one with: secco learn WORKLOAD -o json > baseline.json'
    }
  )
}

function runOnce({ command, output }: LearnArgs, signal: AbortSignal): Promise<number> {
  const [program = '', ...rest] = command
  return new Promise((resolve, reject) => {
    // With -o json standard output is reserved for the result.
    const child = spawn(program, rest, {
      stdio: ['inherit', output === 'table' ? 'inherit' : 2, 'inherit'],
      signal
    })
    child.once('error', (cause) => {
      reject(new SeccoError('COMMAND_NOT_STARTED', `${program}: ${cause.message}`, { cause }))
    })
    child.once('close', (code) => resolve(code ?? 1))
  })
}

/** Returns the items of --require. @throws SeccoError INVALID_ARGUMENT for an item that evidence does not have. */
export function parseRequired(text: string | undefined): readonly string[] {
  if (text === undefined) return defaultRequire
  const empty = { apiVersion, kind: 'SeccompProfile', metadata: { name: '' }, spec: {} } as const
  const known = evidenceOf(empty, 0).map(({ item }) => item)
  const items = text.split(',').map((item) => item.trim())
  const wrong = items.find((item) => !known.includes(item))
  if (wrong === undefined) return items
  throw new SeccoError('INVALID_ARGUMENT', `--require: ${JSON.stringify(wrong)} is no evidence`, {
    hint: `use some of ${known.join(', ')}`
  })
}

/** Time between two runs of the test command, in ms. */
const pauseMs = 1000

interface State {
  profile: SeccompProfile | undefined
  missing: EvidenceItem[]
}

async function stateOf({ store, now }: LearnDependencies, args: LearnArgs): Promise<State> {
  const profile = await store.get('SeccompProfile', args.ref)
  if (profile === undefined) {
    const next = 'let its container start while its node records'
    return {
      profile,
      missing: [{ item: 'abis', ok: false, detail: 'nothing was observed yet', next }]
    }
  }
  const missing = evidenceOf(profile, now()).filter(
    ({ item, ok }) => !ok && args.require.includes(item)
  )
  const last = lastNewMs(profile)
  const quiet = last === undefined ? 0 : now() - last
  if (quiet < args.quietMs) {
    const detail = `something new came ${Math.round(quiet / 1000)} s ago`
    missing.push({
      item: 'quiet',
      ok: false,
      detail,
      next: `wait until nothing comes for ${args.quietMs / 1000} s`
    })
  }
  return { profile, missing }
}

/** Waits until no missing item can appear by waiting, or the time is over. */
async function settle(
  dependencies: LearnDependencies,
  args: LearnArgs,
  end: number
): Promise<State> {
  for (;;) {
    const state = await stateOf(dependencies, args)
    const waits = state.missing.some(({ item }) => item === 'quiet') || state.profile === undefined
    if (!waits || dependencies.now() >= end || dependencies.signal.aborted) return state
    await delay(500, undefined, { signal: dependencies.signal }).catch(() => undefined)
  }
}

interface Answer {
  profile: string
  confident: boolean
  missing: { item: string; detail: string; next: string }[]
  /** Beyond the baseline. */
  new: { abi: Abi; name: string; risk: string; beyondRuntimeDefault: boolean }[]
  runs: number
  observed: SyscallSet
}

function newCalls(observed: SyscallSet, baseline: SyscallSet | undefined): Answer['new'] {
  if (baseline === undefined) return []
  const floor = runtimeDefaultNames()
  return (Object.entries(subtractSets(observed, baseline)) as [Abi, string[]][]).flatMap(
    ([abi, names]) =>
      names.map((name) => ({
        abi,
        name,
        risk: riskOf(name)?.level ?? 'none',
        beyondRuntimeDefault: !floor.has(name)
      }))
  )
}

function print(io: Io, args: LearnArgs, answer: Answer): void {
  if (args.output !== 'table') {
    printObject(io, args.output, answer)
    return
  }
  io.stdout(
    `${answer.profile}: ${plural(sizeOfSet(answer.observed), 'syscall')} after ${plural(answer.runs, 'run')}\n`
  )
  for (const { item, detail, next } of answer.missing) {
    io.stdout(`${paint(io, 'yellow', '✗')} ${item}: ${plain(detail)}\n  next: ${next}\n`)
  }
  if (answer.missing.length === 0)
    io.stdout(`${paint(io, 'green', '✓')} confident: ${args.require.join(', ')}, quiet\n`)
  for (const { abi, name, risk, beyondRuntimeDefault } of answer.new) {
    const words = [
      risk === 'none' ? '' : `${risk} risk`,
      beyondRuntimeDefault ? 'RuntimeDefault denies it' : ''
    ]
    const note = words.filter((word) => word !== '').join(', ')
    io.stdout(`${paint(io, 'red', `+ ${name}`)} (${abi})${note === '' ? '' : `: ${note}`}\n`)
  }
  if (args.baseline !== undefined && answer.new.length === 0)
    io.stdout(`${paint(io, 'green', '✓')} nothing beyond ${args.baseline.path}\n`)
  io.stderr(
    answer.new.length > 0
      ? `next: review them (secco diff ${answer.profile}); if they are intended, write a new baseline\n`
      : `next: secco diff ${answer.profile}, then secco profile approve ${answer.profile}\n`
  )
}

/**
 * `secco learn WORKLOAD [--until-confident] [--fail-on-new FILE] -- COMMAND`: a gate for pipelines. It runs the test
 * command until the evidence is complete, and compares the result with a baseline.
 * @returns 0; the code of the command when it fails; 3: not confident in time; 4: syscalls beyond the baseline
 */
export async function runLearn(args: LearnArgs, dependencies: LearnDependencies): Promise<number> {
  const { io, now, signal } = dependencies
  const end = now() + args.timeoutMs
  let runs = 0
  let said = ''
  let state: State = { profile: undefined, missing: [] }
  do {
    if (args.command.length > 0) {
      runs += 1
      const code = await runOnce(args, signal)
      if (code !== 0) {
        io.stderr(`the test command failed with ${code}; its syscalls are observed nevertheless\n`)
        return code
      }
    }
    state = await settle(dependencies, args, end)
    if (!args.untilConfident || state.missing.length === 0) break
    const missing = state.missing.map(({ item, detail }) => `${item} (${plain(detail)})`).join(', ')
    if (missing !== said) io.stderr(`run ${runs}: still missing ${missing}\n`)
    said = missing
    // Evidence comes from containers: a command that ends at once does not give them time.
    await delay(pauseMs, undefined, { signal }).catch(() => undefined)
  } while (now() < end && !signal.aborted)
  const observed = state.profile?.status?.observed ?? {}
  const answer: Answer = {
    profile: `${args.ref.namespace}/${args.ref.name}`,
    confident: state.missing.length === 0,
    missing: state.missing.map(({ item, detail, next = '' }) => ({ item, detail, next })),
    new: newCalls(observed, args.baseline?.set),
    runs,
    observed
  }
  print(io, args, answer)
  if (answer.new.length > 0) return learnExit.newCalls
  return args.untilConfident && !answer.confident ? learnExit.notConfident : 0
}
