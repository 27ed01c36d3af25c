import { openAuditReader } from '../../native/audit-reader.js'
import type { Capability } from '../../src/api/gen/hub.js'
import { AuditedCalls } from './audited-calls.js'

/** The seccomp records of the kernel's audit log. */
export interface AuditLog {
  calls: AuditedCalls
  capability(): Capability
  stop(): Promise<void>
}

/** Opens the audit log. If it cannot be read, `calls` stay empty and the capability says why. */
export async function openAuditLog(): Promise<AuditLog> {
  const calls = new AuditedCalls()
  const reader = await openAuditReader((type, text) => calls.record(type, text))
  const losses = (): string =>
    reader.lost() === 0
      ? ''
      : `; it overflowed or ended ${reader.lost()} times: these counts are too low`
  return {
    calls,
    capability: () => {
      const problem = reader.problem()
      const message =
        problem === undefined
          ? `all arguments of logged and killed syscalls are reported${losses()}`
          : `only the arguments that a profile's rules read are reported for denied syscalls: ${problem}`
      return { name: 'audit-log', works: problem === undefined, message }
    },
    stop: () => reader.stop()
  }
}
