import { readFileSync } from 'node:fs'

/** Returns the id of this boot (/proc/sys/kernel/random/boot_id); empty if it cannot be read. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}
