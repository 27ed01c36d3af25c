/** More often than a satellite mends what it finds. */
const againMs = 200

/**
 * Damages a file of a node again and again while somebody waits for that to be seen: a satellite verifies its
 * files once a minute and mends them, and nobody knows when.
 * @throws what the first damage, or `ask`, does
 */
export async function whileDamaged<T>(
  damage: () => Promise<unknown>,
  ask: () => Promise<T>
): Promise<T> {
  await damage()
  const again = setInterval(() => void damage().catch(() => undefined), againMs)
  try {
    return await ask()
  } finally {
    clearInterval(again)
  }
}
