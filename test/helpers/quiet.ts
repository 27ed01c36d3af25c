import { Writable } from 'node:stream'

/** A log destination that keeps nothing, for any number of loggers. */
export const quiet = new Writable({
  write: (_chunk, _encoding, done) => {
    done()
  }
}).setMaxListeners(0)
