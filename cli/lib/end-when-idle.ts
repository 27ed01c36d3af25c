import process from 'node:process'

/**
 * Ends the process as soon as nothing is left to do, with its exit code. Left to itself Node takes everything
 * apart first, and where a socket of TLS was shut from both sides that can go on for ever, at all of a core
 * (Environment::CleanupHandles; seen with Node 20.20, as in nodejs/node#47748).
 */
export function endWhenIdle(): void {
  process.once('beforeExit', () => process.exit())
}
