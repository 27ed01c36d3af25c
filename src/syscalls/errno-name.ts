import { constants } from 'node:os'

const names = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]))

/** EPERM for 1 (errno(3)); `errno N` for a number that this system has no name for. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`
}
