import type { NodeStatus } from '../../src/api/gen/hub.js'

/** The node's status, as a connection's hub has it. */
export interface StatusTeller {
  /** For the greeting of a connection. */
  greeting(): NodeStatus
  /** Sends it where it differs from what this connection's hub was told last; without a hub the welcome does. */
  tell(): void
  /** The same a moment later: there may be thousands of reasons for it. */
  tellSoon(): void
  close(): void
}

const soonMs = 1000

/** @param send false: there is no hub now. */
export function createStatusTeller(
  status: () => NodeStatus,
  send: (status: NodeStatus) => boolean
): StatusTeller {
  let told = ''
  let timer: NodeJS.Timeout | undefined

  function tell(): void {
    const now = status()
    const text = JSON.stringify(now)
    if (text !== told && send(now)) told = text
  }

  return {
    greeting() {
      const now = status()
      told = JSON.stringify(now)
      return now
    },
    tell,
    tellSoon() {
      timer ??= setTimeout(() => {
        timer = undefined
        tell()
      }, soonMs)
    },
    close: () => clearTimeout(timer)
  }
}
