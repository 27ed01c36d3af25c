import { SeccoError } from '../src/lib/errors.js'

/** The roles that a replica of the webhook program can have. */
export const allRoles = ['admission', 'hub', 'ui'] as const
export type Role = (typeof allRoles)[number]

/**
 * Reads `admission,hub,ui`. The pages show what the hub of their own process knows, and without a cluster only a hub
 * knows which revisions the nodes have.
 * @throws SeccoError INVALID_ARGUMENT.
 */
export function parseRoles(text: string, isCluster: boolean): ReadonlySet<Role> {
  const roles = new Set<Role>()
  for (const name of text.split(',').map((one) => one.trim())) {
    const role = allRoles.find((one) => one === name)
    if (role === undefined) {
      const message = `--roles ${JSON.stringify(name)}: must be one of ${allRoles.join(', ')}`
      throw new SeccoError('INVALID_ARGUMENT', message)
    }
    roles.add(role)
  }
  if (roles.has('hub')) return roles
  const dependent = roles.has('ui') ? 'ui' : 'admission'
  if (roles.has('ui') || !isCluster) {
    throw new SeccoError('INVALID_ARGUMENT', `--roles ${text}: ${dependent} needs hub here`, {
      hint: isCluster ? 'use hub,ui' : 'give --kubeconfig: only a cluster can divide roles'
    })
  }
  return roles
}
