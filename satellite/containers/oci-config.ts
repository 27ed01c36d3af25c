import { join } from 'node:path'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { readPlainFile } from '../lib/plain-file.js'
import { isRecord, parseRecord, stringsOf } from './json.js'

/** What Secco takes from an OCI configuration (runtime-spec, config.md and config-linux.md#seccomp). */
export interface OciConfig {
  annotations: Record<string, string>
  seccomp?: LinuxSeccomp
  /** Every capability and nothing masked: what runtimes call privileged; no filter is applied there. */
  privileged: boolean
}

/** Equal profiles are one object: a node has thousands of containers and few profiles. */
const interned = new Map<string, LinuxSeccomp>()
const internedAtMost = 512

function intern(seccomp: LinuxSeccomp): LinuxSeccomp {
  const text = JSON.stringify(seccomp)
  const known = interned.get(text)
  if (known !== undefined) return known
  interned.set(text, seccomp)
  const [oldest] = interned.keys()
  if (interned.size > internedAtMost && oldest !== undefined) interned.delete(oldest)
  return seccomp
}

/**
 * The seccomp part as the runtime has it. It is what a filter was made from, so anything a runtime
 * accepts is kept as it is; only its outer shape is checked.
 */
export function seccompOf(seccomp: unknown): LinuxSeccomp | undefined {
  if (!isRecord(seccomp) || typeof seccomp['defaultAction'] !== 'string') return undefined
  return intern(seccomp as LinuxSeccomp)
}

/** Capabilities that only a privileged container has all of (capabilities(7)). */
const powers = ['CAP_SYS_ADMIN', 'CAP_SYS_MODULE', 'CAP_SYS_RAWIO', 'CAP_SYS_BOOT']

function isPrivileged(config: Record<string, unknown>): boolean {
  const { linux, process } = config
  if (!isRecord(process) || !isRecord(linux)) return false
  const { capabilities } = process
  const bounding = isRecord(capabilities) ? capabilities['bounding'] : undefined
  return hasAllPowers(bounding, linux['maskedPaths'])
}

/** @param bounding the container's `process.capabilities.bounding`. @param masked its `linux.maskedPaths`. */
export function hasAllPowers(bounding: unknown, masked: unknown): boolean {
  if (!Array.isArray(bounding)) return false
  const nothingMasked = !Array.isArray(masked) || masked.length === 0
  return nothingMasked && powers.every((power) => bounding.includes(power))
}

/** Reads the text of a `config.json` (or of containerd's spec); undefined when it is no OCI configuration. */
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

/** The newest texts and what is in them: a node's containers mostly differ in little but their names. */
const parsed = new Map<string, OciConfig | undefined>()
const parsedAtMost = 32

function parseOnce(text: string): OciConfig | undefined {
  if (parsed.has(text)) return parsed.get(text)
  const config = parseOciConfig(text)
  parsed.set(text, config)
  for (const oldest of parsed.keys()) {
    if (parsed.size <= parsedAtMost) break
    parsed.delete(oldest)
  }
  return config
}

/** `config.json` of a bundle; undefined when there is none or it cannot be read. */
export async function readBundle(bundle: string): Promise<OciConfig | undefined> {
  try {
    const file = await readPlainFile(join(bundle, 'config.json'))
    return file === undefined ? undefined : parseOnce(file.bytes.toString('utf8'))
  } catch {
    return undefined
  }
}
