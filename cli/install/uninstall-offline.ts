import { SeccoError } from '../../src/lib/errors.js'
import { startupTaint } from '../../src/api/names.js'
import type { Io } from '../lib/io.js'
import { nameOf } from './install.js'
import { removalOrder } from './installed-objects.js'
import { namespace } from './names.js'
import type { Manifest } from './options.js'
import { cleanerName } from './satellite.js'

/** oneMachineNext is the next step of somebody whose Secco runs without Kubernetes: uninstall has nothing to do there. */
const oneMachineNext = 'on one machine: stop `secco up`, then run `secco up --clean`'

/** Returns the error of an uninstallation that has no cluster, with the next steps. */
export function withoutCluster({ code, message, hint }: SeccoError): SeccoError {
  return new SeccoError(code, message, { hint: `${hint}; ${oneMachineNext}` })
}

/**
 * Prints what `secco uninstall` looks for and removes where it exists, in its order, without a cluster. What earlier
 * versions left is found by its label, so it has no names here.
 */
export function printWithoutCluster(io: Io, { all }: { all: boolean }, reason: string): void {
  const { first, rest, last } = removalOrder(all)
  const print = (objects: readonly Manifest[]) =>
    objects.forEach((one) => io.stdout(`would delete, where it exists: ${nameOf(one)}\n`))
  print(first)
  const job = `DaemonSet ${namespace}/${cleanerName}`
  io.stdout(`would create and delete, where satellites run: ${job}, which detaches recorders\n`)
  io.stdout(`would remove, where it exists: taint ${startupTaint} of nodes\n`)
  print([...rest, ...last])
  io.stderr(`no cluster was asked: ${reason}\n`)
  if (all)
    io.stdout(
      'would delete, where they exist: all profiles, rules and histories, and what people made in the namespace\n'
    )
  else io.stderr('kept: the CRDs, all profiles and rules (--all removes them too)\n')
  io.stderr(`  next: with a cluster, give --kubeconfig a file; ${oneMachineNext}\n`)
}
