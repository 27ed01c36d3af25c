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
function seccompOf(config: Record<string, unknown>): LinuxSeccomp | undefined {
  const linux = config['linux']
  const seccomp = isRecord(linux) ? linux['seccomp'] : undefined
  if (!isRecord(seccomp) || typeof seccomp['defaultAction'] !== 'string') return undefined
  return seccomp as LinuxSeccomp
}

/** Reads the text of a `config.json` (or of containerd's spec); undefined when it is no OCI configuration. */
export function parseOciConfig(text: string): OciConfig | undefined {
  const config = parseRecord(text)
  if (config === undefined) return undefined
  const seccomp = seccompOf(config)
  return {
    annotations: stringsOf(config['annotations']),
    ...(seccomp === undefined ? {} : { seccomp })
  }
}

/** `config.json` of a bundle; undefined when there is none or it cannot be read. */
export async function readBundle(bundle: string): Promise<OciConfig | undefined> {
  try {
    return parseOciConfig(await readFile(join(bundle, 'config.json'), 'utf8'))
  } catch {
    return undefined
  }
}
