/** A slot's key: slots are reused, and each use has another generation. */
export function slotKey(slot: { index: number; generation: number }): string {
  return `${slot.index}.${slot.generation}`
}
