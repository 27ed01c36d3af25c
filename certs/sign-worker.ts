// A thread that makes one certificate and ends (sign.ts). No other file may import this one, or selfsigned.
import { parentPort, workerData } from 'node:worker_threads'
import { generate } from 'selfsigned'
import type { SigningPair } from './pair.js'
import type { SigningRequest } from './sign.js'

const { commonName, notBefore, notAfter, extensions, ca } = workerData as SigningRequest
// The bundle is CommonJS, which has no top-level await.
void generate([{ name: 'commonName', value: commonName }], {
  keyType: 'ec',
  curve: 'P-256',
  algorithm: 'sha256',
  notBeforeDate: notBefore,
  notAfterDate: notAfter,
  extensions,
  ...(ca === undefined ? {} : { ca })
}).then((made) => {
  parentPort?.postMessage({ cert: made.cert, key: made.private } satisfies SigningPair)
})
