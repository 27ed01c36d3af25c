import { mkdir, writeFile } from 'node:fs/promises'
import { machine } from 'node:os'
import { join } from 'node:path'
import type { TraceReport } from '../../../satellite/trace/trace-report.js'
import type { LinuxSeccomp } from '../../../src/api/seccomp-profile.js'
import { bundleConfig } from '../../../cli/walk-through/bundle.js'
import { removeContainer, startContainer } from '../../../cli/walk-through/container.js'
import { traceProfile } from '../../../cli/lib/trace-profile.js'
import { renderLearn } from '../../../src/seccomp/render/render.js'
import { freePort } from '../../helpers/child-program.js'
import { spawnSecco } from '../../helpers/secco-command.js'
import type { Server } from './servers.js'

export interface RigOptions {
  work: string
  server: Server
  rootfs: string
  /** Distinguishes containers of one server. */
  suffix: string
  noNewPrivileges?: boolean
  uid?: number
  extraCapabilities?: readonly string[]
  extraFiles?: readonly { source: string; target: string }[]
}

/** One server that can be started again and again under different filters. */
export interface Rig {
  port: number
  container: { id: string; root: string }
  start(seccomp: LinuxSeccomp | undefined): Promise<void>
  /** Starts it under RuntimeDefault, traced from its first instruction, used once, and ended. */
  learn(): Promise<TraceReport>
  /** Starts it under a profile and uses it; false when it does not start or an answer is wrong (why: on stderr). */
  tryUnder(seccomp: LinuxSeccomp): Promise<boolean>
  stop(): Promise<unknown>
}

/** Starts `secco trace --wait`; resolves when it waits. */
async function startTrace(id: string, root: string) {
  const child = spawnSecco(['trace', id, '--wait', '--root', root, '-o', 'json'])
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  const ended = new Promise<TraceReport>((resolve, reject) => {
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(stdout) as TraceReport)
      else reject(new Error(`secco trace ended with ${code}: ${stderr}`))
    })
  })
  ended.catch(() => undefined)
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
      if (stderr.includes('waiting for')) resolve()
    })
    child.once('close', () => reject(new Error(stderr)))
  })
  // In an object: a promise that an async function returns would be waited for.
  return { ended }
}

export async function makeRig(options: RigOptions): Promise<Rig> {
  const { server, work, suffix } = options
  const port = await freePort()
  const folder = join(work, `${server.name}-${suffix}`)
  await mkdir(folder, { recursive: true })
  const files = [...(options.extraFiles ?? [])]
  for (const [target, text] of Object.entries(server.files?.(port) ?? {})) {
    const source = join(folder, target.replaceAll('/', '_'))
    await writeFile(source, text)
    files.push({ source, target })
  }
  const container = {
    id: `secco-enforced-${process.pid}-${server.name}-${suffix}`,
    root: join(work, 'runc')
  }

  const start = async (seccomp: LinuxSeccomp | undefined): Promise<void> => {
    const config = bundleConfig({
      rootfs: options.rootfs,
      args: server.args(port),
      files,
      writable: ['/run', '/tmp', '/data', '/var/lib/nginx', '/var/log/nginx'],
      seccomp,
      profile: server.name,
      noNewPrivileges: options.noNewPrivileges ?? true,
      extraCapabilities: options.extraCapabilities ?? []
    })
    if (options.uid !== undefined) {
      const inside = config['process'] as { user: { uid: number; gid: number } }
      inside.user = { uid: options.uid, gid: options.uid }
    }
    const bundle = join(folder, 'bundle')
    await mkdir(bundle, { recursive: true })
    await writeFile(join(bundle, 'config.json'), JSON.stringify(config))
    await startContainer(container, bundle)
  }
  const stop = () => removeContainer(container, server.stopSignal)

  return {
    port,
    container,
    start: async (seccomp) => {
      await start(seccomp)
      await server.ready(port)
    },
    learn: async () => {
      const { ended } = await startTrace(container.id, container.root)
      try {
        await start(renderLearn(machine()).seccomp)
        await server.ready(port)
        if (!(await server.works(port)))
          throw new Error(`${server.name}: wrong answers while learning`)
      } finally {
        await stop()
      }
      return ended
    },
    tryUnder: async (seccomp) => {
      try {
        await start(seccomp)
        await server.ready(port)
        return await server.works(port)
      } catch (error) {
        process.stderr.write(
          `${container.id}: ${error instanceof Error ? error.message : String(error)}\n`
        )
        return false
      } finally {
        await stop()
      }
    },
    stop
  }
}

/** The profile of one trace as `secco trace -o profile` renders it. */
export function profileOf(report: TraceReport): LinuxSeccomp {
  return JSON.parse(traceProfile(report, new Date().toISOString()).json) as LinuxSeccomp
}

/** The same profile with EPERM for everything that it denies, and without these names. */
export function withoutNames(seccomp: LinuxSeccomp, names: ReadonlySet<string>): LinuxSeccomp {
  const syscalls = (seccomp.syscalls ?? [])
    .filter(({ action }) => action !== 'SCMP_ACT_ERRNO')
    .map((rule) => ({ ...rule, names: rule.names.filter((name) => !names.has(name)) }))
    .filter((rule) => rule.names.length > 0)
  return { ...seccomp, syscalls }
}

/** Names that are in a rendering through a family alone. */
export function familyNames(report: TraceReport): Set<string> {
  const { reasons } = traceProfile(report, new Date().toISOString())
  return new Set(
    Object.keys(reasons).filter((name) => reasons[name]?.every(({ kind }) => kind === 'family'))
  )
}

/** What a recorder that only lists names gives: no base, no families, EPERM for everything else. */
export function namesOnly(report: TraceReport): LinuxSeccomp {
  const names = [
    ...new Set(Object.values(report.abis).flatMap((counts) => Object.keys(counts)))
  ].sort()
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    architectures: ['SCMP_ARCH_X86_64'],
    syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }]
  }
}
