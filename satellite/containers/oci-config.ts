import { join } from 'node:path'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { dropOldest } from '../../src/lib/drop-oldest.js'
import { readPlainFile } from '../lib/plain-file.js'
import { isPlainJson, isRecord, parseRecord, stringsOf } from './json.js'

/** The parts of an OCI configuration that Secco reads (runtime-spec, config.md and config-linux.md#seccomp). */
export interface OciConfig {
  annotations: Record<string, string>
  seccomp?: LinuxSeccomp
  /** Every capability and no masked path, which runtimes call privileged: they apply no filter. */
  privileged: boolean
}

/** Equal profiles become one object: a node has thousands of containers and few profiles. */
const interned = new Map<string, LinuxSeccomp>()
const internedAtMost = 512

function intern(seccomp: LinuxSeccomp): LinuxSeccomp {
  const text = JSON.stringify(seccomp)
  const known = interned.get(text)
  if (known !== undefined) return known
  interned.set(text, seccomp)
  dropOldest(interned, internedAtMost)
  return seccomp
}

/**
 * Returns the seccomp part as the runtime has it. The runtime made the filter from it, so everything that a runtime
 * accepts is kept as it is; only the outer shape is checked.
 */
export function seccompOf(seccomp: unknown): LinuxSeccomp | undefined {
  if (!isRecord(seccomp) || typeof seccomp['defaultAction'] !== 'string') return undefined
  return intern(seccomp as LinuxSeccomp)
}

/** Only a privileged container has all of these capabilities (capabilities(7)). */
const powers = ['CAP_SYS_ADMIN', 'CAP_SYS_MODULE', 'CAP_SYS_RAWIO', 'CAP_SYS_BOOT']

function isPrivileged(config: Record<string, unknown>): boolean {
  const { linux, process } = config
  if (!isRecord(process) || !isRecord(linux)) return false
  const { capabilities } = process
  const bounding = isRecord(capabilities) ? capabilities['bounding'] : undefined
  return hasAllPowers(bounding, linux['maskedPaths'])
}

/**
 * Returns whether a container is privileged.
 * @param bounding its `process.capabilities.bounding`. @param masked its `linux.maskedPaths`.
 */
export function hasAllPowers(bounding: unknown, masked: unknown): boolean {
  if (!Array.isArray(bounding)) return false
  const nothingMasked = !Array.isArray(masked) || masked.length === 0
  return nothingMasked && powers.every((power) => bounding.includes(power))
}

/** Parses a `config.json` (or containerd's spec); undefined if it is no OCI configuration. */
export function parseOciConfig(text: string): OciConfig | undefined {
  const config = parseRecord(text)
  if (config === undefined) return undefined
  const linux = config['linux']
  const seccomp = seccompOf(isRecord(linux) ? linux['seccomp'] : undefined)
  return {
    annotations: stringsOf(config['annotations']),
    privileged: isPrivileged(config),
    ...(seccomp === undefined ? {} : { seccomp })
  }
}

/** BundleConfig is a configuration in a file. */
export interface BundleConfig extends OciConfig {
  /** Other parsers may read another content. */
  isAmbiguous: boolean
}

/** The newest texts and their contents: many containers of a node have the same configuration. */
const parsed = new Map<string, BundleConfig | undefined>()
const parsedAtMost = 32

function parseOnce(text: string): BundleConfig | undefined {
  if (parsed.has(text)) return parsed.get(text)
  const config = parseOciConfig(text)
  const whole = config && { ...config, isAmbiguous: !isPlainJson(text) }
  parsed.set(text, whole)
  dropOldest(parsed, parsedAtMost)
  return whole
}

/** Reads the `config.json` of a bundle; undefined if there is none or it cannot be read. */
export async function readBundle(bundle: string): Promise<BundleConfig | undefined> {
  try {
    const file = await readPlainFile(join(bundle, 'config.json'))
    return file === undefined ? undefined : parseOnce(file.bytes.toString('utf8'))
  } catch {
    return undefined
  }
}
