import type { ObservationAck } from '../../../src/api/gen/hub.js'
import { encode } from './outbox.js'

/**
 * Tells a satellite what is durable. What becomes durable in one turn of the loop goes into one message, where
 * the satellite takes that: each message costs both sides more than what is in it.
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
