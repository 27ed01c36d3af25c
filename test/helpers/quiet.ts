import { Writable } from 'node:stream'

/** A log destination that keeps nothing. */
export const quiet = new Writable({
  write: (_chunk, _encoding, done) => {
    done()
  }
})
