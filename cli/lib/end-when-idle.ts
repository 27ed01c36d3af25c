import process from 'node:process'

/**
 * Ends the process as soon as nothing is left to do, with its exit code. Without this, Node cleans up all handles
 * first, and after a TLS socket was shut down from both sides that can loop forever and use a whole core
 * (Environment::CleanupHandles; seen with Node 20.20, as in nodejs/node#47748).
 */
export function endWhenIdle(): void {
  process.once('beforeExit', () => process.exit())
}
