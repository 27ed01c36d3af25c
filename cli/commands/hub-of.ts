import type { Command } from 'commander'
import type { DenialView } from '../../webhook/confinement/denials/denial-views.js'
import { toSeccoError } from '../../src/lib/errors.js'
import type { ObjectRef } from '../../src/store/store.js'
import { queryOf } from '../hubs/hub-api.js'
import { Hub } from '../hubs/hub.js'
import { readAddresses } from '../lib/state.js'
import { kubeconfigOf, pathsOf, type VerbContext } from './context.js'

/**
 * Returns the hub that a verb asks in the name of the user: that of the cluster with --kubeconfig, otherwise the one
 * that runs on the state folder.
 */
export async function hubOf(command: Command, context: VerbContext): Promise<Hub> {
  const { user, io } = context
  const kubeconfig = kubeconfigOf(command)
  const report = (text: string): void => io.stderr(`${text}\n`)
  if (kubeconfig !== undefined) {
    const { openClusterHub } = await import('../hubs/cluster-hub.js')
    return openClusterHub(kubeconfig, io.env['SECCO_TOKEN'], report)
  }
  const { ui, token } = await readAddresses(pathsOf(command, context))
  return new Hub([{ ui, token, user }], { report })
}

interface Asked {
  hub: ReturnType<typeof hubOf>
  command: Command
  context: VerbContext
}

/** Returns what the running hub lists; undefined when nobody can be asked. @param what is listed, in words */
export async function listed<Item>(
  what: string,
  path: string,
  { hub, command, context }: Asked
): Promise<Item[] | undefined> {
  try {
    return await (await hub).list<Item>(path)
  } catch (thrown) {
    const { code, message, hint } = toSeccoError(thrown)
    if (code === 'UNAVAILABLE' && kubeconfigOf(command) === undefined) return undefined
    context.io.stderr(`warning: ${what} not known: ${message}; next: ${hint}\n`)
    return undefined
  }
}

/** Returns the denials of a profile, also the muted ones; undefined when nobody can be asked. */
export async function denialsOf(ref: ObjectRef, command: Command, context: VerbContext) {
  const { namespace, name } = ref
  const path = `/api/v1/denials${queryOf({ namespace, profile: name, muted: 'true' })}`
  const asked = { hub: hubOf(command, context), command, context }
  return listed<DenialView>('denials are', path, asked)
}
