import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { compareVersions } from '../../src/lib/version-order.js'
import { hostRuncs, hostVersionText } from './host-runc.js'

/** What runc says of itself; empty where it is not known. */
export interface RuncVersion {
  version: string
  /** The libseccomp that it was built with or loads. */
  libseccomp: string
}

/** Reads the output of `runc --version`. */
export function parseRuncVersion(text: string): RuncVersion {
  return {
    version: /^runc version (\S+)/m.exec(text)?.[1] ?? '',
    libseccomp: /^libseccomp: (\S+)/m.exec(text)?.[1] ?? ''
  }
}

/** What all of them can do: of several versions the oldest; unknown when one of them is. */
export function oldestOf(all: readonly RuncVersion[]): RuncVersion {
  const oldest = (versions: readonly string[]): string =>
    versions.includes('') ? '' : ([...versions].sort(compareVersions)[0] ?? '')
  return {
    version: oldest(all.map(({ version }) => version)),
    libseccomp: oldest(all.map(({ libseccomp }) => libseccomp))
  }
}

async function ask(): Promise<RuncVersion> {
  const own = await promisify(execFile)('runc', ['--version'], { timeout: 5000 }).catch(
    () => undefined
  )
  if (own !== undefined) return parseRuncVersion(own.stdout)
  const texts = await Promise.all((await hostRuncs()).map(hostVersionText))
  return oldestOf(texts.map(parseRuncVersion))
}

let asking: Promise<RuncVersion> | undefined

/**
 * Asks runc: the one in PATH, else (a satellite in a pod has none) those that the node's container managers
 * start. Who asks meanwhile shares the answer.
 */
export function runcSays(): Promise<RuncVersion> {
  asking ??= ask().finally(() => {
    asking = undefined
  })
  return asking
}

/** Runtimes that start runc unless they are told otherwise. */
const callers = new Set(['containerd', 'docker'])
const ociRuntimes = new Set(['runc', 'crun'])

/** The node's runtimes, and runc without a version where only those answer that start it. */
export function namingRunc(
  runtimes: readonly { name: string; version: string }[]
): { name: string; version: string }[] {
  const isSilent =
    runtimes.some(({ name }) => callers.has(name)) &&
    !runtimes.some(({ name }) => ociRuntimes.has(name))
  return isSilent ? [...runtimes, { name: 'runc', version: '' }] : [...runtimes]
}
