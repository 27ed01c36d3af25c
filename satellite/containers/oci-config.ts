import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LinuxSeccomp } from '../../src/api/seccomp-profile.js'
import { isRecord, parseRecord, stringsOf } from './json.js'

/** What Secco takes from an OCI configuration (runtime-spec, config.md and config-linux.md#seccomp). */
export interface OciConfig {
  annotations: Record<string, string>
  seccomp?: LinuxSeccomp
}

/**
 * The seccomp part as the runtime has it. It is what a filter was made from, so anything a runtime
 * accepts is kept as it is; only its outer shape is checked.
 */
export function seccompOf(seccomp: unknown): LinuxSeccomp | undefined {
  if (!isRecord(seccomp) || typeof seccomp['defaultAction'] !== 'string') return undefined
  return seccomp as LinuxSeccomp
}

/** Reads the text of a `config.json` (or of containerd's spec); undefined when it is no OCI configuration. */
export function parseOciConfig(text: string): OciConfig | undefined {
  const config = parseRecord(text)
  if (config === undefined) return undefined
  const linux = config['linux']
  const seccomp = seccompOf(isRecord(linux) ? linux['seccomp'] : undefined)
  return {
    annotations: stringsOf(config['annotations']),
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
    return parseOnce(await readFile(join(bundle, 'config.json'), 'utf8'))
  } catch {
    return undefined
  }
}
