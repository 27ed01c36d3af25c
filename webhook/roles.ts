import { SeccoError } from '../src/lib/errors.js'

/** What a replica of the webhook program does. */
export const allRoles = ['admission', 'hub', 'ui'] as const
export type Role = (typeof allRoles)[number]

/**
 * Reads `admission,hub,ui`. The pages show what the hub of their own process knows, and without a
 * cluster there is nowhere else to learn from what nodes hold.
 * @throws SeccoError INVALID_ARGUMENT.
 */
export function parseRoles(text: string, isCluster: boolean): ReadonlySet<Role> {
  const roles = new Set<Role>()
  for (const name of text.split(',').map((one) => one.trim())) {
    const role = allRoles.find((one) => one === name)
    if (role === undefined) {
      const message = `--roles ${JSON.stringify(name)}: accepted are ${allRoles.join(', ')}`
      throw new SeccoError('INVALID_ARGUMENT', message)
    }
    roles.add(role)
  }
  if (roles.has('hub')) return roles
  const needy = roles.has('ui') ? 'ui' : 'admission'
  if (roles.has('ui') || !isCluster) {
    throw new SeccoError('INVALID_ARGUMENT', `--roles ${text}: ${needy} needs hub here`, {
      hint: isCluster ? 'use hub,ui' : 'roles are taken apart in a cluster only: give --kubeconfig'
    })
  }
  return roles
}
