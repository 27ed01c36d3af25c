import type { Radius } from '../../webhook/confinement/what-if/radius.js'
import {
  radiusFigure,
  radiusWords,
  stillDenied
} from '../../webhook/confinement/what-if/radius-words.js'
import { type Io, paint } from '../lib/io.js'
import { printObject, table } from '../lib/output.js'
import type { Hub } from '../hubs/hub.js'

interface SimulateArgs {
  profile: string | undefined
  deny: readonly string[]
  selector: string | undefined
  namespace: string | undefined
  output: 'table' | 'wide' | 'json' | 'yaml'
}

/** Prints what would have been denied to which containers, as a table. */
export function printRadius(io: Io, radius: Radius, wide: boolean): void {
  const { hit, workloads, containers } = radius
  if (workloads.length > 0) {
    io.stdout(
      table(io, workloads, [
        { title: 'NAMESPACE', value: (row) => row.namespace },
        { title: 'WORKLOAD', value: (row) => row.workload },
        { title: 'CONTAINERS', value: (row) => String(row.containers) },
        { title: 'CALLS', value: (row) => String(row.calls) },
        { title: 'DENIED', value: (row) => row.syscalls.join(',') },
        { title: 'WHEN', value: (row) => row.when ?? 'runs now' }
      ])
    )
  }
  if (wide && hit > 0) {
    io.stdout('\n')
    io.stdout(
      table(io, containers, [
        { title: 'NODE', value: (row) => row.node },
        { title: 'CONTAINER', value: (row) => row.name },
        { title: 'SINCE', value: (row) => row.since },
        {
          title: 'DENIED',
          value: (row) =>
            row.denied
              .map((one) => {
                const argument = one.argument === '' ? '' : `(${one.argument})`
                return `${one.syscall}${argument} × ${one.count}${one.certain ? '' : ' (not certain)'}`
              })
              .join(', ')
        }
      ])
    )
  }
  const words = radiusWords(radius).join('\n')
  // Colour repeats what the words say.
  const { tone } = radiusFigure(radius)
  const isStill = stillDenied(radius).length > 0
  io.stderr(`${paint(io, tone === 'ok' ? 'green' : isStill ? 'red' : 'yellow', words)}\n`)
}

/** `secco simulate`: replays recorded syscalls of running containers against a profile; changes nothing. */
export async function simulateCommand(io: Io, hub: Hub, args: SimulateArgs): Promise<number> {
  const { profile, deny, selector, namespace, output } = args
  const radius = await hub.ask<Radius>('/api/v1/simulate', {
    deny,
    ...(profile === undefined ? {} : { profile }),
    ...(selector === undefined ? {} : { selector }),
    ...(namespace === undefined ? {} : { namespace })
  })
  if (output === 'json' || output === 'yaml') printObject(io, output, radius)
  else printRadius(io, radius, output === 'wide')
  return 0
}
