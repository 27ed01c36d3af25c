import { openAuditReader } from '../../native/audit-reader.js'
import type { Capability } from '../../src/api/gen/hub.js'
import { type AuditedCalls, createAuditedCalls } from './audited-calls.js'

/** The kernel's audit log as far as it tells of seccomp. */
export interface AuditLog {
  calls: AuditedCalls
  capability(): Capability
  stop(): Promise<void>
}

/** Opens it by trying; where it cannot be read, `calls` stay empty and the capability says why. */
export async function openAuditLog(): Promise<AuditLog> {
  const calls = createAuditedCalls()
  const reader = await openAuditReader((type, text) => calls.record(type, text))
  const loss = () =>
    reader.lost() === 0
      ? ''
      : `; it overflowed or ended ${reader.lost()} times: such counts are too low`
  return {
    calls,
    capability: () => {
      const problem = reader.problem()
      const message =
        problem === undefined
          ? `all arguments of logged and killed calls are told${loss()}`
          : `of a refused call only those arguments are told that its rules ask for: ${problem}`
      return { name: 'audit-log', works: problem === undefined, message }
    },
    stop: () => reader.stop()
  }
}
