import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { bundleConfig } from '../../cli/walk-through/bundle.js'
import { mustRun } from '../../cli/walk-through/run.js'
import { repositoryRoot } from '../helpers/repository.js'

/** What bit n of a signature makes life.c call. */
export const signatureCalls = [
  'getpgid',
  'getsid',
  'sched_getparam',
  'sched_getscheduler',
  'getitimer',
  'times',
  'sysinfo',
  'getpriority',
  'sched_get_priority_max',
  'getrusage'
] as const

export function signatureOf(mask: number): string[] {
  return signatureCalls.filter((_, bit) => (mask >> bit) & 1).sort()
}

/** Lets everything through in every ABI of x86_64: the filter is there, and asked, and denies nothing. */
export const allowAll: LinuxSeccomp = {
  defaultAction: 'SCMP_ACT_ALLOW',
  architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']
}

/** Real runc containers of one small static program, under a --root of their own. */
export interface Fleet {
  /** For `--runc-root`. */
  root: string
  /** `runc run` to its end: the container is deleted when it resolves, with runc's exit code. */
  live(id: string, mask: number): Promise<number>
  /** `runc run -d`: stays in pause(2) until `end`. */
  stay(id: string, mask: number): Promise<void>
  end(id: string): Promise<void>
  /** Ends whatever of the fleet is left. */
  close(): Promise<void>
}

/** Starts runc with nothing of ours open: a detached container would keep a pipe for ever. */
async function runc(root: string, args: readonly string[]): Promise<number> {
  const child = spawn('runc', ['--root', root, ...args], { stdio: 'ignore' })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}

/**
 * Builds the program and its bundles below `folder`. Every signature has a bundle of its own, made on first use.
 * @param profile the annotation that says what the containers are learned into.
 */
export async function openFleet(folder: string, profile: string): Promise<Fleet> {
  const root = join(folder, 'runc')
  const rootfs = join(folder, 'rootfs')
  for (const name of ['proc', 'dev', 'tmp']) {
    await mkdir(join(rootfs, name), { recursive: true })
  }
  const source = join(repositoryRoot, 'test/bench/life.c')
  await mustRun('gcc', ['-O1', '-static', '-o', join(rootfs, 'life'), source])
  const bundles = new Map<string, Promise<string>>()
  const write = async (path: string, args: readonly string[]): Promise<string> => {
    const config = bundleConfig({
      rootfs,
      args,
      profile,
      files: [],
      writable: [],
      seccomp: allowAll,
      noNewPrivileges: true
    })
    await mkdir(path, { recursive: true })
    await writeFile(join(path, 'config.json'), JSON.stringify(config))
    return path
  }
  const bundleOf = (mask: number, stays: boolean): Promise<string> => {
    const name = `${mask}${stays ? '-stay' : ''}`
    const known = bundles.get(name)
    if (known !== undefined) return known
    const args = ['/life', String(mask), ...(stays ? ['stay'] : [])]
    const made = write(join(folder, 'bundles', name), args)
    bundles.set(name, made)
    return made
  }
  const end = async (id: string): Promise<void> => {
    await runc(root, ['delete', '--force', id])
  }
  return {
    root,
    live: async (id, mask) => runc(root, ['run', '--bundle', await bundleOf(mask, false), id]),
    stay: async (id, mask) => {
      const code = await runc(root, ['run', '-d', '--bundle', await bundleOf(mask, true), id])
      if (code !== 0) throw new Error(`runc could not start ${id}: ${code}`)
    },
    end,
    close: async () => {
      // runc looks every 100 ms whether a container is dead: most of it is waiting.
      const left = await readdir(root).catch((): string[] => [])
      const one = async (): Promise<void> => {
        for (let id = left.pop(); id !== undefined; id = left.pop()) await end(id)
      }
      await Promise.all(Array.from({ length: 24 }, one))
      await rm(root, { recursive: true, force: true })
    }
  }
}

/** An id that no other run on this machine has. */
export function idsOf(word: string): (n: number) => string {
  const run = `${word}-${process.pid}-${Date.now().toString(36)}`
  return (n) => `${run}-${n}`
}
