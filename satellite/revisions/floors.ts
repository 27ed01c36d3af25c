/**
 * The least strictness that this node accepts, whatever its hub sends. `approved`: a revision may allow more than
 * RuntimeDefault only by names that a person approved, as the hub reports with that person's name. `runtime-default`:
 * never more than RuntimeDefault.
 */
export const floors = ['approved', 'runtime-default'] as const
export type Floor = (typeof floors)[number]
