import { Observation } from '../../../src/api/gen/hub.js'

/** About what an object of V8 takes: a member of a list is one, however short it is encoded. */
const bytesOfObject = 100

/** Returns about how many bytes of memory a decoded observation takes. */
export function memoryOf(observation: Observation): number {
  const { abis, denied, arguments: values, startup, serving, unproven, events } = observation
  const names = [...startup, ...serving, ...unproven]
  const members =
    [abis, denied, values, names, events].reduce((sum, list) => sum + list.length, 0) +
    abis.reduce((sum, { syscalls }) => sum + syscalls.length, 0) +
    names.reduce((sum, one) => sum + one.names.length, 0) +
    values.reduce((sum, one) => sum + one.values.length, 0)
  return Observation.encode(observation).finish().length + members * bytesOfObject
}
