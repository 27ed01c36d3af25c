import { readFileSync } from 'node:fs'

/** This boot of the machine (/proc/sys/kernel/random/boot_id); empty where it cannot be read. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}
