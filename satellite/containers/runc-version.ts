import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { compareVersions } from '../../src/lib/version-order.js'
import { hostRuncs, hostVersionText } from './host-runc.js'

/** The output of `runc --version`; empty where it is not known. */
export interface RuncVersion {
  version: string
  /** The libseccomp that runc was built with or loads. */
  libseccomp: string
}

/** Reads the output of `runc --version`. */
export function parseRuncVersion(text: string): RuncVersion {
  return {
    version: /^runc version (\S+)/m.exec(text)?.[1] ?? '',
    libseccomp: /^libseccomp: (\S+)/m.exec(text)?.[1] ?? ''
  }
}

/** The oldest of several versions, since every runc has its features; unknown if one of them is unknown. */
export function oldestOf(all: readonly RuncVersion[]): RuncVersion {
  const oldest = (versions: readonly string[]): string =>
    versions.includes('') ? '' : ([...versions].sort(compareVersions)[0] ?? '')
  return {
    version: oldest(all.map(({ version }) => version)),
    libseccomp: oldest(all.map(({ libseccomp }) => libseccomp))
  }
}

async function read(): Promise<RuncVersion> {
  const own = await promisify(execFile)('runc', ['--version'], { timeout: 5000 }).catch(
    () => undefined
  )
  if (own !== undefined) return parseRuncVersion(own.stdout)
  const texts = await Promise.all((await hostRuncs()).map(hostVersionText))
  return oldestOf(texts.map(parseRuncVersion))
}

let reading: Promise<RuncVersion> | undefined

/**
 * Reads the version of runc: of the one in PATH, otherwise (a satellite in a pod has none) of those that the node's
 * container managers start. Calls during a read share its result.
 */
export function readRuncVersion(): Promise<RuncVersion> {
  reading ??= read().finally(() => {
    reading = undefined
  })
  return reading
}

/** Runtimes that start runc by default. */
const callers = new Set(['containerd', 'docker'])
const ociRuntimes = new Set(['runc', 'crun'])

/**
 * Adds runc without a version if no OCI runtime reported one, but there are runtimes that start runc.
 * @param started runtimes of the node's containers: without containerd's socket, only they show that it is there
 */
export function withUnversionedRunc(
  runtimes: readonly { name: string; version: string }[],
  started: readonly string[]
): { name: string; version: string }[] {
  const names = runtimes.map(({ name }) => name)
  const isSilent =
    [...names, ...started].some((name) => callers.has(name)) &&
    !names.some((name) => ociRuntimes.has(name))
  return isSilent ? [...runtimes, { name: 'runc', version: '' }] : [...runtimes]
}
