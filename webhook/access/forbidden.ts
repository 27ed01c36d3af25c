import { apiGroup } from '../../src/api/names.js'
import { missingRightHint } from '../../src/api/people-roles.js'
import { SeccoError } from '../../src/lib/errors.js'
import { type Identity, type Resource, resourceNames, type Verb } from './rights.js'

/** Permission is a verb on a resource. */
export interface Permission {
  verb: Verb
  resource: Resource
}

/** Returns the error for a person who lacks a right; its hint names the right and how to get it. */
export function forbidden(
  { user, objects }: Identity,
  { verb, resource }: Permission,
  namespace?: string
): SeccoError {
  const where = namespace === undefined ? '' : ` in namespace ${namespace}`
  const hint =
    objects === undefined
      ? 'ask an administrator for the right, or make an admin link on the machine: secco ui link'
      : missingRightHint({
          ...{ verb, resource: resourceNames[resource], group: apiGroup, namespace, user }
        })
  return new SeccoError('FORBIDDEN', `${user} may not ${verb} ${resource}${where}`, { hint })
}
