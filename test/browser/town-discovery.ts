import type { Observation } from '../../src/api/gen/hub.js'
import { createDiscovery } from '../../webhook/hub/observations/discovery.js'
import type { ObservationFinding } from '../../webhook/hub/observations/read-observation.js'
import { hour, nodeOf, residents } from './residents.js'

/** Instance, hour, how many of its calls it had shown, what it went through, how busy it was. */
type Step = readonly [number, string, number, readonly string[], number]

const checkoutSteps: readonly Step[] = [
  [0, '08:02:00', 41, ['start'], 1],
  [1, '08:02:20', 40, ['start'], 1],
  [0, '08:18:00', 48, ['start', 'serve'], 40],
  [2, '09:05:00', 44, ['start', 'serve'], 30],
  [0, '10:18:30', 55, ['start', 'serve', 'reload'], 120],
  [1, '11:20:00', 52, ['start', 'serve', 'probe'], 200],
  [3, '11:21:02', 45, ['start'], 10],
  [0, '12:06:19', 60, ['start', 'serve', 'reload', 'probe'], 260],
  [2, '13:12:44', 64, ['start', 'serve', 'probe'], 300],
  [1, '14:19:31', 67, ['start', 'serve', 'probe'], 420]
]

const otherSteps: readonly Step[] = [
  [0, '08:02:00', 38, ['start'], 1],
  [1, '08:40:00', 44, ['start', 'serve'], 60],
  [0, '10:05:00', 58, ['start', 'serve'], 140],
  [2, '11:30:00', 99, ['start', 'serve', 'probe'], 240]
]

/** How everybody was discovered, hour by hour. */
export function discoveryOfTown() {
  const discovery = createDiscovery()
  for (const [at, { namespace, name, kind, container, names, late = [] }] of residents.entries()) {
    const target = {
      ref: { namespace, name: `${name}.${container}` },
      workload: { kind, name, container }
    }
    for (const [instance, time, count, events, calls] of at === 0 ? checkoutSteps : otherSteps) {
      const seen = [...names, ...late].slice(0, count)
      const counted = seen.map((call, index) => ({
        name: call,
        count: late.includes(call)
          ? 3 + index
          : Math.max(1, Math.round(calls * 900 ** (1 - (index % 9) / 8)))
      }))
      const finding = {
        ...{ target, part: 'entry', set: { x86_64: seen }, events },
        id: `${nodeOf(instance)}/b00t/40${at}65${instance}.1.0`,
        ...{ firstSeen: hour(time), lastSeen: hour(time) }
      }
      const observation = { abis: [{ abi: 'x86_64', syscalls: counted }] }
      discovery.note(
        observation as unknown as Observation,
        finding as unknown as ObservationFinding
      )
    }
  }
  return discovery
}
