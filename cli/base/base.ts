import { machine } from 'node:os'
import { stringify } from 'yaml'
import { SeccoError } from '../../src/lib/errors.js'
import { abisOfMachine } from '../../src/syscalls/abi.js'
import {
  baseNames,
  baseOf,
  knownRuntimes,
  type RuntimeVersion
} from '../../src/seccomp/render/base.js'
import type { Io } from '../lib/io.js'
import { table } from '../lib/output.js'
import { run } from '../walk-through/run.js'
import { measureBase, settings } from './measure.js'

type Output = 'table' | 'json' | 'yaml'

/** Reads NAME or NAME@VERSION. @throws SeccoError INVALID_ARGUMENT */
function parseRuntime(text: string): RuntimeVersion {
  const [, name, version = ''] = /^([a-z0-9-]+)(?:@(\d[\w.+~-]*))?$/.exec(text) ?? []
  if (name === undefined) {
    throw new SeccoError('INVALID_ARGUMENT', `--runtime ${text}: is not NAME or NAME@VERSION`, {
      hint: 'write for example --runtime runc@1.3'
    })
  }
  return { name, version }
}

function printValue(io: Io, output: 'json' | 'yaml', value: unknown): void {
  io.stdout(output === 'json' ? `${JSON.stringify(value, null, 2)}\n` : stringify(value))
}

/** `secco base show`: lists what is added to every profile, and why. */
export function showBase(io: Io, args: { runtime: string | undefined; output: Output }): number {
  const runtimes = args.runtime === undefined ? [] : [parseRuntime(args.runtime)]
  const [given] = runtimes
  if (given !== undefined && !knownRuntimes.includes(given.name)) {
    throw new SeccoError('INVALID_ARGUMENT', `--runtime ${given.name}: there is no data for it`, {
      hint: `choose one of ${knownRuntimes.join(', ')}; for others every known name is used`
    })
  }
  const names = baseOf(runtimes)
  if (args.output !== 'table') {
    printValue(io, args.output, names)
    return 0
  }
  io.stdout(
    table(io, names, [
      { title: 'SYSCALL', value: (row) => row.name },
      { title: 'FOR', value: (row) => row.runtime },
      { title: 'REASON', value: (row) => row.reason },
      { title: 'SOURCE', value: (row) => row.source }
    ])
  )
  return 0
}

interface MeasureArgs {
  runtime: string
  binary: string | undefined
  flags: readonly string[]
  runs: number
  output: Output
  signal: AbortSignal
}

/** Returns the version that `--version` of runc or crun prints. */
async function versionOf(binary: string, name: string): Promise<string> {
  const finished = await run(binary, ['--version']).catch((cause: unknown) => {
    throw new SeccoError('RUNTIME_UNREACHABLE', `${binary} cannot be run`, { cause })
  })
  const version = new RegExp(`^${name} version (\\S+)`, 'm').exec(finished.stdout)?.[1]
  if (finished.code === 0 && version !== undefined) return version
  throw new SeccoError('RUNTIME_UNREACHABLE', `${binary} --version does not report ${name}`, {
    hint: 'name the program with --binary'
  })
}

/**
 * `secco base measure`: compares the syscalls of this machine's runtime with the data that Secco ships.
 * @returns 1 when syscalls are missing in the data, otherwise 0
 */
export async function measureCommand(io: Io, args: MeasureArgs): Promise<number> {
  const { name } = parseRuntime(args.runtime)
  if (!knownRuntimes.includes(name)) {
    throw new SeccoError('INVALID_ARGUMENT', `--runtime ${name}: cannot be measured`, {
      hint: `choose one of ${knownRuntimes.join(', ')}`
    })
  }
  const [abi] = abisOfMachine(machine())
  if (abi === undefined) {
    throw new SeccoError('TRACING_UNAVAILABLE', `no syscall table for ${machine()}`)
  }
  const binary = args.binary ?? name
  const version = await versionOf(binary, name)
  const measured = await measureBase({
    binary,
    flags: args.flags,
    runs: args.runs,
    machine: abi,
    print: (line) => io.stderr(`${line}\n`),
    signal: args.signal
  })
  const shipped = baseNames([{ name, version }])
  const names = [...measured.seen]
    .map(([syscall, bySetting]) => ({
      syscall,
      starts: [...bySetting.values()].reduce((sum, count) => sum + count, 0),
      settings: Object.fromEntries([...bySetting].sort()),
      shipped: shipped.has(syscall)
    }))
    .sort((a, b) => b.starts - a.starts || (a.syscall < b.syscall ? -1 : 1))
  const missing = names.filter((row) => !row.shipped).map((row) => row.syscall)
  const result = {
    runtime: name,
    version,
    starts: measured.starts,
    names,
    missing,
    notSeen: [...shipped.keys()].filter((each) => !measured.seen.has(each))
  }
  if (args.output === 'table') {
    io.stdout(
      table(io, names, [
        { title: 'SYSCALL', value: (row) => row.syscall },
        { title: 'STARTS', value: (row) => `${row.starts}/${measured.starts}` },
        {
          title: 'IN',
          value: (row) => `${Object.keys(row.settings).length} of ${settings.length} settings`
        },
        { title: 'SHIPPED', value: (row) => (row.shipped ? 'yes' : 'NO') }
      ])
    )
  } else printValue(io, args.output, result)
  if (missing.length === 0) {
    io.stderr(
      `${name} ${version}: ${names.length} names in ${measured.starts} starts, all shipped\n`
    )
    return 0
  }
  io.stderr(`${name} ${version}: not in the shipped base: ${missing.join(' ')}\n`)
  io.stderr(
    `  next: allow them in a profile that others extend (spec.extends), and report them to the makers of Secco\n`
  )
  return 1
}
