import type { ObservationAck } from '../../../src/api/gen/hub.js'
import { encode } from './outbox.js'

/**
 * Returns a function that reports durable observations to a satellite. Acks of one turn of the event loop go into one
 * message, if the satellite supports that: a message costs both sides more than its content.
 */
export function createAcks(
  send: (message: Buffer) => void,
  together: boolean
): (ack: ObservationAck) => void {
  let waiting: ObservationAck[] = []

  function flush(): void {
    const acks = waiting
    waiting = []
    const [only] = acks
    if (acks.length > 1) send(encode({ $case: 'observationAcks', value: { acks } }))
    else if (only !== undefined) send(encode({ $case: 'observationAck', value: only }))
  }

  return (ack) => {
    if (!together) {
      send(encode({ $case: 'observationAck', value: ack }))
      return
    }
    if (waiting.length === 0) setImmediate(flush)
    waiting.push(ack)
  }
}
