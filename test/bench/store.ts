import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HubProgram } from './fleet/hub-program.js'
import { repositoryRoot } from '../helpers/repository.js'
import { type BenchRow, type Limit, toRow } from './row.js'
import { fillStore, nameOf } from '../src/store/many-profiles.js'

const program = join(repositoryRoot, 'bin/secco')

/** The numbers of profiles that the limits are for. */
const [few, many] = [1000, 10_000]
const [start, list, approve] = ['hub start', 'secco get profiles', 'approve one']

const atMost = (profiles: number, what: string, most: number): Limit => ({
  ...{ case: `${profiles} profiles: ${what}`, of: 'median', most }
})

const limits: readonly Limit[] = [
  atMost(few, start, 3),
  atMost(few, list, 0.6),
  atMost(few, approve, 0.6),
  atMost(many, start, 20)
]

/** The limits of a run with these numbers of profiles. */
export function storeLimits(sizes: readonly number[]): readonly Limit[] {
  return limits.filter((limit) => sizes.some((size) => limit.case.startsWith(`${size} profiles:`)))
}

/** Runs the command line to its end; returns seconds. @throws Error with its words when it fails */
async function timed(state: string, args: readonly string[]): Promise<number> {
  const began = performance.now()
  const child = spawn(process.execPath, [program, ...args, '--state', state], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' }
  })
  let words = ''
  child.stderr.on('data', (chunk: Buffer) => (words += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`secco ${args.join(' ')} ended with ${String(code)}: ${words}`)
  return (performance.now() - began) / 1000
}

interface Figure {
  case: string
  unit: string
  value: number
}

/** Measures one store; the first start of a hub, which renders everything for the first time, is not counted. */
async function measure(size: number, rounds: number): Promise<Figure[]> {
  const state = await mkdtemp(join(tmpdir(), 'secco-store-bench-'))
  const hub = new HubProgram(state)
  const figures: Figure[] = []
  const add = (what: string, unit: string, value: number) =>
    figures.push({ case: `${size} profiles: ${what}`, unit, value })
  try {
    process.stderr.write(`bench: store: ${size} profiles are written …\n`)
    await fillStore(join(state, 'objects'), size)
    await hub.start()
    await hub.settled()
    await hub.kill('SIGTERM')
    for (let round = 0; round < rounds; round += 1) {
      process.stderr.write(`bench: store: ${size} profiles, round ${round + 1} …\n`)
      const began = performance.now()
      await hub.start()
      add(start, 's', (performance.now() - began) / 1000)
      const cost = await hub.cost()
      add(`${start}: CPU`, 's', cost.cpuMs / 1000)
      add(`${start}: memory`, 'MB', cost.rssMb)
      await hub.kill('SIGTERM')
      add(list, 's', await timed(state, ['get', 'profiles']))
      const chosen = nameOf((round * 37) % size)
      add(approve, 's', await timed(state, ['profile', 'approve', chosen, '-n', 'shop']))
    }
    return figures
  } finally {
    await hub.kill()
    await rm(state, { recursive: true, force: true })
  }
}

/** What a folder of many profiles costs the hub at its start, and one command. */
export async function benchStore(options: {
  rounds: number
  profiles: readonly number[]
}): Promise<BenchRow[]> {
  const values = new Map<string, { unit: string; values: number[] }>()
  for (const size of options.profiles) {
    for (const { case: name, unit, value } of await measure(size, options.rounds)) {
      const row = values.get(name) ?? { unit, values: [] }
      row.values.push(value)
      values.set(name, row)
    }
  }
  return [...values].map(([name, { unit, values: own }]) => toRow(name, unit, own))
}
